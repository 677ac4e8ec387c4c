// Tabs that share a connection: who leads, and that each has every event once. Locks and channels are
// played here as browsers have them; test/browser has Chromium's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textOf, utf8 } from '../../src/bytes.js';
import { PostroadError } from '../../src/error.js';
import type { Source } from '../../src/source.js';
import { sharedConnection } from '../../src/tabs.js';
import { cursorAt, FakeServer } from './fake_link.js';
import { ManualClock, settled, testWorld } from './support.js';


class Locks {
  private queue: (() => void)[] = [];
  private held = false;

  async request(_: string, { signal }: { signal: AbortSignal }, work: () => Promise<void>): Promise<void> {
    if (this.held) {
      await new Promise<void>((resolve, reject) => {
        this.queue.push(resolve);
        signal.addEventListener('abort', () => {
          this.queue = this.queue.filter((one) => one !== resolve);
          reject(signal.reason);
        });
      });
    }
    this.held = true;
    await work();
    this.held = false;
    this.queue.shift()?.();
  }
}

// Copies what is posted to all others, in order, a turn later.
class Channels {
  private readonly all = new Set<{ onmessage?: (event: { data: unknown }) => void }>();
  /** Hears nothing: as a tab that the browser froze, or whose words went lost. */
  deaf: object | undefined;

  get newest(): object {
    return [...this.all].at(-1)!;
  }

  readonly Channel = ((channels: Channels) => class {
    onmessage?: (event: { data: unknown }) => void;

    constructor() {
      channels.all.add(this);
    }
    postMessage(word: unknown): void {
      const copy = structuredClone(word);
      const others = [...channels.all].filter((one) => one !== this && one !== channels.deaf);
      setImmediate(() => others.forEach((one) => channels.all.has(one) && one.onmessage?.({ data: copy })));
    }
    close(): void {
      channels.all.delete(this);
    }
  })(this);
}

interface TabOptions {
  window?: number;
  hold?: boolean;
  asked?: Tab['asked'];
}

class Browser {
  readonly clock = new ManualClock();
  readonly server = new FakeServer();
  readonly locks = new Locks();
  readonly channels = new Channels();
  stored: string | undefined;
  readonly tabs: Tab[] = [];

  tab(more: TabOptions = {}): Tab {
    const tab = new Tab(this, more);
    this.tabs.push(tab);
    return tab;
  }

  /** All words between the tabs have arrived. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await settled();
  }

  closeAll(): void {
    for (const tab of this.tabs) tab.close();
  }
}

class Tab {
  readonly offsets: number[] = [];
  readonly states: string[] = [];
  readonly source: Source;
  readonly asked: ((text: string, signal: AbortSignal) => Promise<Uint8Array>) | undefined;
  held = 0;

  constructor(browser: Browser, { window = 100, hold = false, asked }: TabOptions) {
    const world = testWorld(browser.clock, { locks: browser.locks as any, BroadcastChannel: browser.channels.Channel as any });
    this.asked = asked;
    const make = sharedConnection('key', {
      link: {
        url: 'http://server', path: '/rsocket', user: 'u', route: 'r', topic: undefined, keepAliveMs: 1000,
        lifetimeMs: 3000, probeMs: 500, world,
      },
      token: undefined, freshTokens: false, start: undefined, open: { websocket: browser.server.open('websocket') },
      backoff: { base: 100, max: 1000, jitter: 0 }, connectMs: 5000, upgradeMs: 10_000, window,
    }, async () => browser.stored);
    this.source = make(undefined, {
      item: (item) => {
        if (item.kind === 'event') this.offsets.push(item.line.offset);
        if (hold) this.held++;
        else queueMicrotask(() => this.source.taken(1));
      },
      status: ({ state, error }) => {
        this.states.push(error ? `${state} ${error.reason}` : state);
        // As the client does.
        if (state === 'Closed') queueMicrotask(() => this.close());
      },
      asked: asked && (({ body, signal }) => asked(textOf(body), signal)),
    });
  }

  take(items = this.held): void {
    this.held -= items;
    this.source.taken(items);
  }

  close(): void {
    this.source.stop(new PostroadError('CLOSED', 'the tab was closed'));
  }
}

async function withBrowser(run: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = new Browser();
  try {
    await run(browser);
  } finally {
    browser.closeAll();
    await settled();
  }
}

test('one connection, and every tab has every event', () => withBrowser(async (browser) => {
  const [a, b, c] = [browser.tab(), browser.tab(), browser.tab()];
  await browser.quiet();
  browser.server.last.open(0);
  await browser.quiet();
  browser.server.last.send(0, 1, 2);
  await browser.quiet();
  assert.equal(browser.server.links.length, 1);
  assert.deepEqual([a.source.leads, b.source.leads, c.source.leads], [true, false, false]);
  for (const tab of [a, b, c]) {
    assert.deepEqual(tab.offsets, [0, 1, 2]);
    assert.equal(tab.states.at(-1), 'Connected');
  }
}));

test('a leader that goes is replaced at once; nothing is lost or repeated', () => withBrowser(async (browser) => {
  const [a, b, c] = [browser.tab(), browser.tab(), browser.tab()];
  await browser.quiet();
  browser.server.last.open(0);
  browser.server.last.send(0, 1);
  await browser.quiet();
  a.close();
  await browser.quiet();
  assert.equal(browser.server.links.length, 2);
  assert.equal(b.source.leads, true);
  assert.deepEqual(browser.server.last.reads[0]!.from, { cursor: cursorAt(2) });
  browser.server.last.open(2);
  browser.server.last.send(2, 3);
  await browser.quiet();
  assert.deepEqual(b.offsets, [0, 1, 2, 3]);
  assert.deepEqual(c.offsets, [0, 1, 2, 3]);
  assert.equal(c.states.at(-1), 'Connected');
  assert.ok(![...b.states, ...c.states].some((state) => state.startsWith('Closed')));
}));

test('an event that another connection left unacked comes to all tabs, though behind later ones', () => withBrowser(async (browser) => {
  const tabs = [browser.tab(), browser.tab()];
  await browser.quiet();
  browser.server.last.open(5);
  browser.server.last.send(6, 3, 7);
  await browser.quiet();
  for (const tab of tabs) {
    assert.deepEqual(tab.offsets, [6, 3, 7]);
    assert.equal(tab.source.cursor, cursorAt(8));
  }
}));

test('the first leader goes on from what was kept', () => withBrowser(async (browser) => {
  browser.stored = cursorAt(9);
  browser.tab();
  await browser.quiet();
  assert.deepEqual(browser.server.last.reads[0]!.from, { cursor: cursorAt(9) });
}));

test('a tab that comes later begins where the others are', () => withBrowser(async (browser) => {
  browser.tab();
  await browser.quiet();
  browser.server.last.open(5);
  browser.server.last.send(5);
  await browser.quiet();
  const late = browser.tab();
  await browser.quiet();
  assert.equal(late.states.at(-1), 'Connected');
  assert.equal(late.source.cursor, cursorAt(6));
  browser.server.last.send(6);
  await browser.quiet();
  assert.deepEqual(late.offsets, [6]);
}));

test('a tab whose application stood still has it all in the end, and the others once', () => withBrowser(async (browser) => {
  const a = browser.tab();
  const slow = browser.tab({ window: 3, hold: true });
  await browser.quiet();
  browser.server.last.open(0);
  await browser.quiet();
  browser.server.last.send(0, 1, 2, 3, 4);
  await browser.quiet();
  assert.deepEqual(slow.offsets, [0, 1], 'the place, and two events');
  assert.deepEqual(a.offsets, [0, 1, 2, 3, 4]);
  slow.take(1);
  browser.server.last.send(5);
  await browser.quiet();
  assert.deepEqual(slow.offsets, [0, 1], 'there is room, but it is not its turn');
  slow.take();
  await browser.quiet();
  assert.deepEqual(browser.server.last.reads.at(-1)!.from, { cursor: cursorAt(2) });
  browser.server.last.send(2, 3, 4);
  await browser.quiet();
  assert.deepEqual(slow.offsets, [0, 1, 2, 3, 4]);
  slow.take();
  browser.server.last.send(5);
  await browser.quiet();
  assert.deepEqual(slow.offsets, [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(a.offsets, [0, 1, 2, 3, 4, 5]);
}));

test('a leader whose application stands still does not hold back the others', () => withBrowser(async (browser) => {
  const slow = browser.tab({ window: 2, hold: true });
  const b = browser.tab({ window: 2 });
  await browser.quiet();
  browser.server.last.open(0);
  await browser.quiet();
  for (const offset of [0, 1, 2, 3]) {
    browser.server.last.send(offset);
    await browser.quiet();
  }
  assert.deepEqual(b.offsets, [0, 1, 2, 3]);
  assert.deepEqual(slow.offsets, [0]);
  assert.ok(browser.server.last.granted >= 4);
  slow.take();
  assert.deepEqual(browser.server.last.reads.at(-1)!.from, { cursor: cursorAt(1) });
  browser.server.last.send(1, 2, 3);
  slow.take();
  browser.server.last.send(3);
  assert.deepEqual(slow.offsets, [0, 1, 2, 3]);
  await browser.quiet();
  assert.deepEqual(b.offsets, [0, 1, 2, 3]);
}));

test('a tab that words went lost to is given what it lacks, in order', () => withBrowser(async (browser) => {
  const a = browser.tab();
  const b = browser.tab();
  await browser.quiet();
  browser.server.last.open(0);
  browser.server.last.send(0);
  await browser.quiet();
  browser.channels.deaf = browser.channels.newest;
  browser.server.last.send(1, 2);
  await browser.quiet();
  browser.channels.deaf = undefined;
  browser.server.last.send(3);
  await browser.quiet();
  assert.deepEqual(b.offsets, [0]);
  assert.deepEqual(browser.server.last.reads.at(-1)!.from, { cursor: cursorAt(1) });
  browser.server.last.send(1, 2, 3);
  await browser.quiet();
  assert.deepEqual(b.offsets, [0, 1, 2, 3]);
  assert.deepEqual(a.offsets, [0, 1, 2, 3]);
}));

test('a tab that slept through events and the end of their leader has them by the next', () => withBrowser(async (browser) => {
  const a = browser.tab();
  browser.tab();
  const sleeper = browser.tab();
  await browser.quiet();
  browser.server.last.open(0);
  browser.server.last.send(0);
  await browser.quiet();
  browser.channels.deaf = browser.channels.newest;
  browser.server.last.send(1, 2);
  await browser.quiet();
  browser.channels.deaf = undefined;
  a.close();
  await browser.quiet();
  assert.deepEqual(browser.server.last.reads.map(({ from }) => from), [{ cursor: cursorAt(3) }, { cursor: cursorAt(1) }]);
  browser.server.last.open(1);
  browser.server.last.send(1, 2, 3);
  await browser.quiet();
  assert.deepEqual(sleeper.offsets, [0, 1, 2, 3]);
}));

test('a tab that is behind the next leader is given what it lacks', () => withBrowser(async (browser) => {
  const a = browser.tab();
  browser.tab();
  const slow = browser.tab({ window: 2, hold: true });
  await browser.quiet();
  browser.server.last.open(0);
  await browser.quiet();
  browser.server.last.send(0, 1, 2);
  await browser.quiet();
  assert.deepEqual(slow.offsets, [0]);
  a.close();
  await browser.quiet();
  browser.server.last.open(3);
  await browser.quiet();
  slow.take();
  await browser.quiet();
  assert.deepEqual(browser.server.last.reads.at(-1)!.from, { cursor: cursorAt(1) });
}));

test('calls of any tab go by the leader, also over its end', () => withBrowser(async (browser) => {
  const [a, b] = [browser.tab(), browser.tab()];
  await browser.quiet();
  browser.server.last.open(0);
  await browser.quiet();
  const signal = new AbortController().signal;
  const [answered, refused] = [b.source.call('one', '', signal), b.source.call('two', '', signal)];
  await browser.quiet();
  const { calls } = browser.server.last;
  calls[0]!.answer('yes');
  calls[1]!.fail(new PostroadError('PERMISSION_DENIED', 'no', true));
  assert.equal(await answered, 'yes');
  await assert.rejects(refused, { reason: 'PERMISSION_DENIED' });
  const orphan = b.source.call('three', '', signal);
  await browser.quiet();
  a.close();
  await browser.quiet();
  browser.server.last.open(0);
  await browser.quiet();
  assert.deepEqual(browser.server.last.calls.map(({ route }) => route), ['three']);
  browser.server.last.calls[0]!.answer('after all');
  assert.equal(await orphan, 'after all');
  b.source.tell('postroad.ack', 'x');
  assert.deepEqual(browser.server.last.told, ['x']);
}));

test('the first tab that answers a question answers for all', () => withBrowser(async (browser) => {
  const asked: { text: string; signal: AbortSignal; answer(bytes: Uint8Array): void }[] = [];
  const handler: Tab['asked'] = (text, signal) => new Promise((answer) => asked.push({ text, signal, answer }));
  browser.tab();
  browser.tab({ asked: handler });
  browser.tab({ asked: handler });
  await browser.quiet();
  browser.server.last.open(0);
  await browser.quiet();
  const answer = browser.server.last.ask(utf8('which?'), new AbortController().signal);
  await browser.quiet();
  assert.deepEqual(asked.map(({ text }) => text), ['which?', 'which?']);
  asked[1]!.answer(utf8('this'));
  assert.equal(textOf(await answer), 'this');
  await browser.quiet();
  assert.equal(asked[0]!.signal.aborted, true);
}));

test('a question nobody answers is refused, and one that is cancelled is so everywhere', () => withBrowser(async (browser) => {
  const lone = browser.tab();
  await browser.quiet();
  browser.server.last.open(0);
  await browser.quiet();
  await assert.rejects(browser.server.last.ask(utf8('?'), new AbortController().signal), /NO_HANDLER/);
  const signals: AbortSignal[] = [];
  browser.tab({ asked: (_, signal) => new Promise(() => signals.push(signal)) });
  await browser.quiet();
  const cancel = new AbortController();
  const answer = browser.server.last.ask(utf8('?'), cancel.signal);
  await browser.quiet();
  cancel.abort(new Error('cancelled'));
  await assert.rejects(answer, /cancelled/);
  await browser.quiet();
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true]);
  void lone;
}));

test('what the server refuses for good, all tabs hear', () => withBrowser(async (browser) => {
  const [a, b] = [browser.tab(), browser.tab()];
  await browser.quiet();
  browser.server.last.close(new PostroadError('REPLACED', 'REPLACED: by another', true));
  await browser.quiet();
  for (const tab of [a, b]) assert.ok(tab.states.includes('Closed REPLACED'), tab.states.join());
  await browser.clock.advance(2000);
  assert.equal(browser.server.links.length, 1, 'nobody connects again by himself');
}));
