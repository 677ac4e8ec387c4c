// How soon a page in Chromium sees what was posted by HTTP: `test.sh bench <build folder> [seconds] [rounds]` posts 100
// a second and prints the quantiles as JSON, in milliseconds, from before each post to the page's onEvent. What of that
// is Chromium's own, and the machine's, is told by a bare WebSocket of this process to the same page: it carries as
// many messages of the same size, each halfway between two posts.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium, type Page } from 'playwright-core';
import { WebSocketServer, type WebSocket as Peer } from 'ws';
import { Server, until } from '../support/server.js';

const [seconds, rounds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];
const perSecond = 100;
const now = (): number => performance.timeOrigin + performance.now();
const sleepUntil = (at: number): Promise<void> => new Promise((done) => setTimeout(done, Math.max(0, at - now())));

/** What to add to the page's clock to have ours, from the quickest of some questions; and how far off it may be. */
async function clockOf(page: Page): Promise<{ offset: number; error: number }> {
  let best = { offset: 0, error: Infinity };
  for (let i = 0; i < 50; ++i) {
    const before = now();
    const theirs = await page.evaluate(() => performance.timeOrigin + performance.now());
    const after = now();
    if (after - before < 2 * best.error) best = { offset: (before + after) / 2 - theirs, error: (after - before) / 2 };
  }
  return best;
}

const agent = new Agent({ keepAlive: true, maxSockets: 8 });

function post(server: Server, user: string, payload: unknown): Promise<void> {
  return new Promise((done, failed) => {
    const options = { method: 'POST', agent, headers: { 'Content-Type': 'application/json' } };
    const asked = request(`${server.url}/v1/events`, options, (answer) => {
      answer.resume().on('end', done);
      if (answer.statusCode !== 200) failed(new Error(`the post was answered with ${answer.statusCode}`));
    });
    asked.on('error', failed).end(JSON.stringify({ topic: `user/${user}`, payload }));
  });
}

/** The page with a client of the user and a bare WebSocket; our end of that. */
async function open(server: Server, page: Page, user: string, bare: WebSocketServer): Promise<Peer> {
  await page.goto(`${server.url}/healthz`);
  await page.addScriptTag({ content: readFileSync('dist/postroad.global.js', 'utf8') });
  const connected = new Promise<Peer>((resolve) => bare.once('connection', resolve));
  await page.evaluate(({ port, ...options }) => {
    const here = globalThis as any;
    const note = (list: number[]) => ({ n }: any) => { list[n] = performance.timeOrigin + performance.now(); };
    Object.assign(here, { seen: [], bare: [] });
    const seen = note(here.seen), barely = note(here.bare);
    here.client = here.Postroad.connect({ ...options, onEvent: ({ payload }: any) => seen(payload) });
    new WebSocket(`ws://127.0.0.1:${port}`).onmessage = ({ data }: any) => barely(JSON.parse(data));
  }, { url: server.url, user, ack: 'manual', port: (bare.address() as AddressInfo).port });
  await until(() => page.evaluate(() => (globalThis as any).client.state === 'Connected'), 'the page is connected');
  return connected;
}

interface Round {
  took: number[]; // of each post, in order
  bare: number[];
  error: number;
}

async function round(server: Server, page: Page, user: string, bareServer: WebSocketServer): Promise<Round> {
  const socket = await open(server, page, user, bareServer);
  const clock = await clockOf(page);
  const [warm, count] = [perSecond, seconds * perSecond];
  const sent: number[] = [], bareSent: number[] = [];
  const answers: Promise<void>[] = [];
  const start = now() + 10;
  for (let n = 0; n < warm + count; ++n) {
    await sleepUntil(start + (n * 1000) / perSecond);
    sent.push(now());
    const payload = { n, text: 'x'.repeat(230) };
    answers.push(post(server, user, payload));
    await sleepUntil(start + ((n + 0.5) * 1000) / perSecond);
    bareSent.push(now());
    socket.send(JSON.stringify(payload));
  }
  await Promise.all(answers);
  const all = (what: 'seen' | 'bare'): Promise<number[]> => page.evaluate((name) => (globalThis as any)[name], what);
  const took = async (what: 'seen' | 'bare', since: number[]): Promise<number[]> => {
    await until(async () => (await all(what)).filter(Boolean).length === since.length, `the page has all: ${what}`);
    const each = (await all(what)).map((seen, n) => seen + clock.offset - since[n]!);
    return each.slice(warm).sort((a, b) => a - b);
  };
  return { took: await took('seen', sent), bare: await took('bare', bareSent), error: clock.error };
}

const quantile = (sorted: number[], part: number): number => sorted[Math.floor(sorted.length * part)]!;

interface Measured {
  p50: number;
  p99: number;
  bare_p50: number;
  bare_p99: number;
  error: number;
}

async function measure(server: Server): Promise<Measured[]> {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  const bareServer = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  try {
    const page = await browser.newPage();
    const each = [];
    for (let i = 0; i < rounds; ++i) {
      const { took, bare, error } = await round(server, page, `bench-${i}`, bareServer);
      each.push({
        p50: quantile(took, 0.5), p99: quantile(took, 0.99),
        bare_p50: quantile(bare, 0.5), bare_p99: quantile(bare, 0.99), error,
      });
    }
    return each;
  } finally {
    bareServer.close();
    await browser.close();
  }
}

const server = await Server.start();
try {
  const each = await measure(server);
  const median = each.sort((a, b) => a.p99 - b.p99)[Math.floor(rounds / 2)];
  console.log(JSON.stringify({ posts: seconds * perSecond, rounds, ...median }));
} finally {
  agent.destroy();
  await server.stop();
}
