// Chromium, pages with the built client, and what their clients saw.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before } from 'node:test';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { Server, until } from '../support/server.js';

export { assert, until };

/** Debian's package, or what CHROMIUM names. */
export const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

const script = readFileSync('dist/postroad.global.js');

// The pages' own web server; the events' server is another origin, as it is for most applications.
class Site {
  private readonly http: HttpServer = createServer((request, response) => {
    const path = new URL(request.url!, 'http://site').pathname;
    if (path === '/') response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>a page</title>');
    else if (path === '/postroad.global.js') response.setHeader('Content-Type', 'text/javascript').end(script);
    else response.writeHead(404).end();
  });

  async start(): Promise<void> {
    await new Promise<void>((done) => this.http.listen(0, '127.0.0.1', done));
  }
  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }
  async stop(): Promise<void> {
    this.http.closeAllConnections();
    await new Promise((done) => this.http.close(done));
  }
}

interface View {
  state: string;
  transport: string | undefined;
  leads: boolean;
  seen: any[];
  notices: any[];
  states: string[];
}

/** A tab whose page has a client. */
export class Tab {
  constructor(readonly page: Page) {}

  view(): Promise<View> {
    return this.page.evaluate(() => {
      const { client, seen, notices, states } = globalThis as any;
      return { state: client.state, transport: client.transport, leads: client.leads, seen, notices, states };
    });
  }

  async is(what: string, condition: (view: View) => boolean): Promise<View> {
    let view: View | undefined;
    await until(async () => condition(view = await this.view()), what).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(view)}`);
    });
    return view!;
  }

  connected(): Promise<View> {
    return this.is('connected', ({ state }) => state === 'Connected');
  }

  async has(...payloads: unknown[]): Promise<void> {
    const { seen } = await this.is(`${payloads.length} events`, (view) => view.seen.length >= payloads.length);
    assert.deepEqual(seen, payloads);
  }
}

/** Options of the client, as JSON; `answer`: what it answers to questions. */
export type PageOptions = Record<string, unknown> & { url?: string; user: string; answer?: string };

let count = 0;

export class Fixture {
  server!: Server;
  browser!: Browser;
  readonly site = new Site();
  private readonly contexts: BrowserContext[] = [];

  constructor(config = '') {
    before(async () => {
      this.server = await Server.start(`[http]\ncors_origins = ["*"]\n[rsocket]\norigins = ["*"]\n${config}`);
      await this.site.start();
      // As a browser is by itself: pages that are left are kept.
      const ignoreDefaultArgs = ['--disable-back-forward-cache'];
      this.browser = await chromium.launch({ executablePath, args: ['--no-sandbox'], ignoreDefaultArgs });
    });
    after(async () => {
      await this.browser?.close();
      await this.site.stop();
      await this.server?.stop();
    });
  }

  user(): string {
    return `browser-${process.pid}-${++count}`;
  }

  /** A browser of its own: storage, locks and channels are shared by its tabs. */
  async context(): Promise<BrowserContext> {
    const context = await this.browser.newContext();
    this.contexts.push(context);
    return context;
  }

  async tab(context: BrowserContext, options: PageOptions): Promise<Tab> {
    const page = await context.newPage();
    const tab = new Tab(page);
    await this.load(tab, options);
    return tab;
  }

  /** Loads the page (anew), with a client. */
  async load({ page }: Tab, options: PageOptions): Promise<void> {
    await page.goto(this.site.url);
    await page.addScriptTag({ url: '/postroad.global.js' });
    await page.evaluate(({ answer, ...given }) => {
      const here = globalThis as any;
      Object.assign(here, { seen: [], notices: [], states: [] });
      here.client = here.Postroad.connect({
        backoff: { base: 20, max: 200 }, ...given,
        onEvent: (event: any) => { here.seen.push(event.payload); },
        onNotice: (notice: any) => { here.notices.push(notice); },
        onState: ({ state, transport }: any) => { here.states.push(`${state} ${transport ?? ''}`.trim()); },
        ...(answer === undefined ? {} : { onQuestion: ({ payload }: any) => ({ answer, payload }) }),
      });
    }, { url: this.server.url, ...options });
  }
}
