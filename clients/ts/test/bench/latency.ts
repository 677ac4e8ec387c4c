// How soon a page in Chromium sees what was posted by HTTP: `test.sh bench <build folder> [seconds] [rounds]` posts 100
// a second and prints the quantiles as JSON, in milliseconds, from before each post to the page's onEvent.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { chromium, type Page } from 'playwright-core';
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

async function round(server: Server, page: Page, user: string): Promise<{ took: number[]; error: number }> {
  await page.goto(`${server.url}/healthz`);
  await page.addScriptTag({ content: readFileSync('dist/postroad.global.js', 'utf8') });
  await page.evaluate((options) => {
    const here = globalThis as any;
    here.seen = [];
    here.client = here.Postroad.connect({
      ...options, onEvent: ({ payload }: any) => { here.seen[payload.n] = performance.timeOrigin + performance.now(); },
    });
  }, { url: server.url, user, ack: 'manual' });
  await until(() => page.evaluate(() => (globalThis as any).client.state === 'Connected'), 'the page is connected');
  const clock = await clockOf(page);
  const [warm, count] = [perSecond, seconds * perSecond];
  const sent: number[] = [];
  const answers: Promise<void>[] = [];
  const start = now() + 10;
  for (let n = 0; n < warm + count; ++n) {
    await sleepUntil(start + (n * 1000) / perSecond);
    sent.push(now());
    answers.push(post(server, user, { n, text: 'x'.repeat(230) }));
  }
  await Promise.all(answers);
  const all = (): Promise<number[]> => page.evaluate(() => (globalThis as any).seen);
  await until(async () => (await all()).filter(Boolean).length === sent.length, 'the page has all events');
  const took = (await all()).map((seen, n) => seen + clock.offset - sent[n]!).slice(warm);
  return { took: took.sort((a, b) => a - b), error: clock.error };
}

async function measure(server: Server): Promise<{ p50: number; p99: number; error: number }[]> {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    const each = [];
    for (let i = 0; i < rounds; ++i) {
      const { took, error } = await round(server, page, `bench-${i}`);
      each.push({ p50: took[Math.floor(took.length / 2)]!, p99: took[Math.floor(took.length * 0.99)]!, error });
    }
    return each;
  } finally {
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
