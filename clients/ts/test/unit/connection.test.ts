// The connection by its table: what it does when links open, break, are refused, and time passes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection, type ConnectionOptions } from '../../src/connection.js';
import { fromServerText, lost, PostroadError } from '../../src/error.js';
import type { Item } from '../../src/item.js';
import { cursorAt, FakeServer } from './fake_link.js';
import { ManualClock, settled, testWorld } from './support.js';

class Fixture {
  readonly clock = new ManualClock();
  readonly server = new FakeServer();
  readonly states: string[] = [];
  readonly items: Item[] = [];
  readonly connection: Connection;
  token = 'first';

  constructor({ cursor, sse = false, ...more }: { cursor?: string; sse?: boolean } & Partial<ConnectionOptions> = {}) {
    const options: ConnectionOptions = {
      link: {
        url: 'http://server', path: '/rsocket', user: 'u', route: 'r', topic: undefined, keepAliveMs: 1000, lifetimeMs: 3000,
        probeMs: 500, world: testWorld(this.clock),
      },
      token: undefined, freshTokens: false, start: undefined,
      open: { websocket: this.server.open('websocket'), ...(sse ? { sse: this.server.open('sse') } : {}) },
      backoff: { base: 100, max: 1000, jitter: 0.2 }, connectMs: 5000, upgradeMs: 10_000, window: 4, ...more,
    };
    this.connection = new Connection(options, cursor, {
      item: (item) => this.items.push(item),
      status: ({ state, error }) => this.states.push(error ? `${state} ${error.reason}` : state),
      asked: () => Promise.reject(new Error('none')),
    });
  }

  /** The offsets of the events that came. */
  get offsets(): number[] {
    return this.items.flatMap((item) => (item.kind === 'event' ? [item.line.offset] : []));
  }
}

test('connects, delivers, and goes on from its place after a loss', async () => {
  const t = new Fixture({ cursor: cursorAt(3) });
  await settled();
  assert.deepEqual(t.server.last.reads[0]!.from, { cursor: cursorAt(3) });
  assert.deepEqual(t.states, ['Connecting']);
  t.server.last.open(3);
  await settled();
  t.server.last.send(3, 4);
  t.server.last.cut();
  await settled();
  assert.deepEqual(t.states, ['Connecting', 'Connected', 'Disconnected CONNECTION_LOST']);
  await t.clock.advance(99);
  assert.equal(t.server.links.length, 1);
  await t.clock.advance(1);
  assert.equal(t.server.links.length, 2);
  assert.deepEqual(t.server.last.reads[0]!.from, { cursor: cursorAt(5) });
  t.server.last.open(5);
  t.server.last.send(5);
  await settled();
  assert.deepEqual(t.offsets, [3, 4, 5]);
});

test('without a cursor it goes on from where the stream opened', async () => {
  const t = new Fixture({ start: { last: 2 } });
  await settled();
  assert.deepEqual(t.server.last.reads[0]!.from, { last: 2 });
  t.server.last.open(7);
  t.server.last.cut();
  await t.clock.advance(100);
  assert.deepEqual(t.server.last.reads[0]!.from, { cursor: cursorAt(7) });
});

test('waits grow from attempt to attempt, and begin anew once one succeeded', async () => {
  const t = new Fixture();
  const attempts: number[] = [];
  for (let i = 0; i < 6; i++) {
    await settled();
    attempts.push(t.clock.now());
    const before = t.server.links.length;
    t.server.last.cut();
    while (t.server.links.length === before) await t.clock.advance(100);
  }
  assert.deepEqual(attempts, [0, 100, 300, 700, 1500, 2500]);
  t.server.last.open();
  await settled();
  t.server.last.cut();
  const before = t.server.links.length;
  await t.clock.advance(100);
  assert.equal(t.server.links.length, before + 1);
});

test('no answer within the time counts as a failure', async () => {
  const t = new Fixture();
  await t.clock.advance(5000);
  assert.deepEqual(t.states, ['Connecting', 'Disconnected CONNECTION_LOST']);
});

test('credit: as much as fits, less what the application holds', async () => {
  const t = new Fixture();
  await settled();
  assert.equal(t.server.last.reads[0]!.credit, 4);
  t.server.last.open(0); // held, as the place to begin from
  t.server.last.send(0, 1);
  t.server.last.cut();
  await t.clock.advance(100);
  assert.equal(t.server.last.reads[0]!.credit, 1);
  t.server.last.open(2);
  await settled();
  assert.equal(t.server.last.granted, 1, 'opened is for the client itself');
  t.connection.taken(3);
  assert.equal(t.server.last.granted, 4);
  t.server.last.line({ caught_up: {}, cursor: cursorAt(2) });
  assert.equal(t.server.last.granted, 5, 'so is what has nothing to tell');
});

for (const reason of ['NO_USER', 'REPLACED', 'KEY_MISSING', 'KEY_UNKNOWN', 'NOT_ALLOWED', 'NO_ROUTE']) {
  test(`${reason} is final`, async () => {
    const t = new Fixture({ sse: true });
    await settled();
    t.server.last.close(fromServerText(`${reason}: because`));
    await t.clock.advance(60_000);
    assert.deepEqual(t.states, ['Connecting', `Closed ${reason}`]);
    assert.equal(t.server.links.length, 1);
  });
}

for (const reason of ['TOO_MANY_CONNECTIONS', 'DRAINING', 'RESOURCE_EXHAUSTED']) {
  test(`${reason} is tried again, by the same transport`, async () => {
    const t = new Fixture({ sse: true });
    await settled();
    t.server.last.close(fromServerText(`${reason}: because`));
    await t.clock.advance(100);
    assert.deepEqual(t.server.links.map(({ transport }) => transport), ['websocket', 'websocket']);
  });
}

test('a token that is asked for is asked for again', async () => {
  let asked = 0;
  const t = new Fixture({ token: () => `token ${++asked}`, freshTokens: true });
  await settled();
  t.server.last.close(fromServerText('KEY_UNKNOWN: expired'));
  await t.clock.advance(100);
  assert.deepEqual(t.server.links.map(({ options }) => options.token), ['token 1', 'token 2']);
});

test('a token that cannot be had is waited for', async () => {
  let asked = 0;
  const t = new Fixture({ token: () => (++asked === 1 ? Promise.reject(new Error('offline')) : 'there'), freshTokens: true });
  await t.clock.advance(100);
  assert.equal(t.server.last.options.token, 'there');
});

test('where WebSocket is blocked, server-sent events serve, and WebSocket is tried again', async () => {
  const t = new Fixture({ sse: true });
  await settled();
  t.server.last.cut();
  await settled();
  const sse = t.server.last;
  assert.equal(sse.transport, 'sse');
  sse.open(0);
  await settled();
  assert.deepEqual(t.states, ['Connecting', 'Connected']);
  assert.equal(t.connection.status.transport, 'sse');
  sse.send(0);
  await t.clock.advance(10_000);
  const blocked = t.server.last;
  assert.equal(blocked.transport, 'websocket');
  blocked.cut();
  sse.send(1);
  await t.clock.advance(19_999);
  assert.equal(t.server.last, blocked, 'the wait doubles');
  await t.clock.advance(1);
  const websocket = t.server.last;
  assert.deepEqual(websocket.reads[0]!.from, { cursor: cursorAt(2) });
  websocket.open(2);
  sse.send(2);
  websocket.send(2, 3);
  await settled();
  assert.equal(sse.ended, true);
  assert.equal(websocket.reads.length, 2, 'from where the other got to, when it was up');
  assert.equal(t.connection.status.transport, 'websocket');
  websocket.send(4);
  assert.deepEqual(t.offsets, [0, 1, 2, 3, 4]);
  websocket.cut();
  await t.clock.advance(100);
  assert.equal(t.server.last.transport, 'websocket');
  assert.deepEqual(t.server.last.reads[0]!.from, { cursor: cursorAt(5) });
});

test('where WebSocket worked before, a server that is down does not lead to server-sent events at once', async () => {
  const t = new Fixture({ sse: true });
  await settled();
  t.server.last.open();
  await settled();
  t.server.last.cut();
  await t.clock.advance(100);
  t.server.last.cut();
  await t.clock.advance(200);
  t.server.last.cut();
  await settled();
  assert.deepEqual(t.server.links.map(({ transport }) => transport), ['websocket', 'websocket', 'websocket', 'sse']);
});

for (const reason of ['BAD_CURSOR', 'BEYOND_END']) {
  test(`a cursor that the server cannot go on from (${reason}) is told, and left`, async () => {
    const t = new Fixture({ cursor: cursorAt(9), start: 'beginning' });
    await settled();
    t.server.last.close(fromServerText(`${reason}: cursor: because`));
    await t.clock.advance(100);
    assert.deepEqual(t.items.map(({ kind }) => kind), ['cursorRefused']);
    assert.equal(t.server.last.reads[0]!.from, 'beginning');
  });
}

test('waking tries at once, or looks whether the connection lives', async () => {
  const t = new Fixture();
  await settled();
  for (let i = 0; i < 4; i++) {
    t.server.last.cut();
    await t.clock.advance(1000);
  }
  t.server.last.cut();
  await settled();
  const before = t.server.links.length;
  t.connection.wake();
  await settled();
  assert.equal(t.server.links.length, before + 1);
  t.server.last.open();
  await settled();
  t.connection.wake();
  t.connection.doubt();
  assert.equal(t.server.last.probes, 2);
});

test('stop ends links that are open or on their way, and what waits', async () => {
  const t = new Fixture();
  const waiting = t.connection.call('r', '', new AbortController().signal);
  await settled();
  t.connection.stop(new PostroadError('CLOSED', 'x'));
  await assert.rejects(waiting, { reason: 'CLOSED' });
  assert.equal(t.server.last.ended, true);
  await t.clock.advance(60_000);
  assert.equal(t.server.links.length, 1);
  assert.equal(t.states.at(-1), 'Closed CLOSED');
  assert.equal(t.clock.waiting, 0);
});

test('calls wait for a connection, and go over to the next', async () => {
  const t = new Fixture();
  const answer = t.connection.call('r', 'body', new AbortController().signal);
  await settled();
  t.server.last.open();
  await settled();
  assert.deepEqual(t.server.last.calls.map(({ route, body }) => [route, body]), [['r', 'body']]);
  t.server.last.cut();
  await t.clock.advance(100);
  t.server.last.open();
  await settled();
  t.server.last.calls[0]!.answer('yes');
  assert.equal(await answer, 'yes');
});

test('a call that is refused fails, and one that takes too long', async () => {
  const t = new Fixture();
  await settled();
  t.server.last.open();
  await settled();
  const limit = new AbortController();
  const [refused, late] = [t.connection.call('r', '', limit.signal), t.connection.call('r', '', limit.signal)];
  await settled();
  t.server.last.calls[0]!.fail(fromServerText('PERMISSION_DENIED: no'));
  await assert.rejects(refused, { reason: 'PERMISSION_DENIED' });
  limit.abort(lost('late'));
  await assert.rejects(late, { message: 'late' });
});

test('a rewind reads again, and delivers again what lies behind it', async () => {
  const t = new Fixture({ window: 10 });
  await settled();
  t.server.last.open(0);
  await settled();
  t.server.last.send(0, 1, 2);
  t.connection.rewind(cursorAt(1));
  assert.deepEqual(t.server.last.reads[1]!.from, { cursor: cursorAt(1) });
  t.server.last.send(1, 2, 3);
  assert.deepEqual(t.offsets, [0, 1, 2, 1, 2, 3]);
});

test('an upgrade reads on from where the other link got to meanwhile', async () => {
  const t = new Fixture({ sse: true });
  await settled();
  t.server.last.cut();
  await settled();
  const sse = t.server.last;
  sse.open(0);
  await t.clock.advance(10_000);
  sse.send(0, 1);
  t.server.last.open(0);
  assert.equal(sse.ended, true);
  assert.deepEqual(t.server.last.reads.map(({ from }) => from), [{ cursor: cursorAt(0) }, { cursor: cursorAt(2) }]);
});

test('an event that another connection left unacked comes behind later ones, and moves no place back', async () => {
  const t = new Fixture({ cursor: cursorAt(5), window: 10 });
  await settled();
  t.server.last.open(5);
  t.server.last.send(6, 3, 5, 7);
  assert.deepEqual(t.offsets, [6, 3, 5, 7]);
  t.server.last.cut();
  await t.clock.advance(100);
  assert.deepEqual(t.server.last.reads[0]!.from, { cursor: cursorAt(8) });
});

test('gaps and epochs are passed on in their place', async () => {
  const t = new Fixture({ cursor: cursorAt(2) });
  await settled();
  t.server.last.open(2);
  t.server.last.line({ gap: { topic: 'user/u', first: 2, end: 5 } });
  t.server.last.send(5);
  t.server.last.line({ epoch_changed: { old_epoch: '0123456789abcdef', new_epoch: 'ffffffffffffffff' } });
  t.server.last.line({ caught_up: {}, cursor: cursorAt(6) });
  t.server.last.line({ something_new: {} });
  assert.deepEqual(t.items.map((item) => item.kind), ['gap', 'event', 'epochChanged']);
});
