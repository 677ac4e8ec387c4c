// Events from the real server, by each transport: live, over restarts and lost networks, each once.
import { test } from 'node:test';
import { memoryCursors } from '../../src/index.js';
import { Proxy } from '../support/proxy.js';
import { assert, Fixture, until } from './support.js';

const t = new Fixture(`
[journal]
retention_interval = "100ms"
[[topics]]
pattern = "user/short-*"
retention_count = 2
`);

for (const transport of ['websocket', 'sse'] as const) {
  test(`${transport}: what is posted comes, as what it is`, async () => {
    const watcher = await t.connected({ transport });
    await t.server.post(watcher.user, { text: 'hello' }, 'plain', 7, ['a']);
    const event = { topic: `user/${watcher.user}`, type: 'message', key: 'k', headers: { h: 'v' }, payload_base64: 'AP8=' };
    await t.server.fetch('/v1/events', 'POST', event);
    await watcher.has({ text: 'hello' }, 'plain', 7, ['a'], Uint8Array.of(0, 255));
    const last = watcher.messages.at(-1)!;
    assert.ok(last.kind === 'event');
    assert.deepEqual([last.offset, last.topic, last.type, last.key, last.headers['h']], [4, event.topic, 'message', 'k', 'v']);
    assert.ok(Math.abs(last.storedAt.getTime() - Date.now()) < 60_000);
    assert.deepEqual(watcher.states.slice(-1), [`Connected ${transport}`]);
  });

  test(`${transport}: a server killed and started again loses and repeats nothing`, async () => {
    const watcher = await t.connected({ transport });
    await t.server.post(watcher.user, 1, 2);
    await watcher.has(1, 2);
    await t.server.kill();
    await until(() => watcher.client.state !== 'Connected', 'the loss is noticed');
    await t.server.start();
    await t.server.post(watcher.user, 3);
    await watcher.has(1, 2, 3);
    await t.server.post(watcher.user, 4);
    await watcher.has(1, 2, 3, 4);
  });

  test(`${transport}: what was posted while the client was away comes on its return, also before its first event`, async () => {
    const cursors = memoryCursors();
    const first = await t.connected({ transport, cursors });
    await until(() => cursors.load() !== undefined, 'the place is kept');
    await first.client.close();
    assert.equal(first.client.state, 'Closed');
    await t.server.post(first.user, 'missed');
    const second = await t.connected({ transport, cursors, user: first.user });
    await second.has('missed');
    await second.client.close();
    await t.server.post(first.user, 'later');
    await (await t.connected({ transport, cursors, user: first.user })).has('later');
  });

  test(`${transport}: begins where it is told`, async () => {
    const user = `start-${transport}`;
    await t.server.post(user, 1, 2, 3);
    await (await t.connected({ transport, user, start: 'beginning' })).has(1, 2, 3);
    await (await t.connected({ transport, user, start: { last: 2 } })).has(2, 3);
    const live = await t.connected({ transport, user, start: 'end' });
    await t.server.post(user, 4);
    await live.has(4);
  });

  test(`${transport}: what retention took is told as a gap, before what follows it`, async () => {
    const user = `short-${transport}`;
    const cursors = memoryCursors();
    const first = await t.connected({ transport, user, cursors });
    await t.server.post(user, 0);
    await first.has(0);
    await first.client.close();
    for (let i = 1; i <= 8; i++) await t.server.post(user, i);
    await until(async () => {
      const { events } = await t.server.fetch(`/v1/events?topic=user/${user}&from=beginning&format=json`);
      return events[0]?.offset >= 5;
    }, 'retention took some');
    const second = await t.connected({ transport, user, cursors });
    await until(() => second.payloads.at(-1) === 8, 'the rest comes');
    const [gap, next] = second.messages;
    assert.ok(gap?.kind === 'gap' && next?.kind === 'event', JSON.stringify(second.messages));
    assert.deepEqual([gap.first, gap.end], [1, next.offset]);
  });

  test(`${transport}: a topic that was deleted and made anew is told as a change of epoch`, async () => {
    const cursors = memoryCursors();
    const first = await t.connected({ transport, cursors });
    await t.server.post(first.user, 'old');
    await first.has('old');
    await first.client.close();
    await t.server.fetch(`/v1/topics/${encodeURIComponent(`user/${first.user}`)}`, 'DELETE');
    await t.server.post(first.user, 'new');
    const second = await t.connected({ transport, cursors, user: first.user });
    await second.has('new');
    const [notice] = second.messages;
    assert.ok(notice?.kind === 'epochChanged' && notice.before !== notice.now);
  });

  test(`${transport}: a cursor that is none is told, and left behind`, async () => {
    let saved = '';
    const cursors = { load: () => 'garbage', save: (cursor: string) => { saved = cursor; } };
    const watcher = await t.connected({ transport, cursors });
    await t.server.post(watcher.user, 1);
    await watcher.has(1);
    assert.equal(watcher.messages[0]!.kind, 'cursorRefused');
    await until(() => saved !== '', 'a new place is kept');
  });

  test(`${transport}: a connection that is cut is made anew, and what came meanwhile is not lost`, async () => {
    const proxy = await Proxy.start(t.server.address);
    const watcher = await t.connected({ transport, url: proxy.url });
    proxy.unreachable = true;
    proxy.cut();
    await until(() => watcher.states.some((state) => state.startsWith('Disconnected')), 'the loss is noticed');
    await t.server.post(watcher.user, 1);
    proxy.unreachable = false;
    await watcher.has(1);
    await watcher.client.close();
    await proxy.stop();
  });

  test(`${transport}: a network that swallows everything is noticed by the silence`, async () => {
    const proxy = await Proxy.start(t.server.address);
    const watcher = await t.connected({ transport, url: proxy.url, keepAliveMs: 1000, lifetimeMs: 2500 });
    proxy.stall();
    await t.server.post(watcher.user, 1);
    await until(() => watcher.states.some((state) => state.startsWith('Disconnected')), 'the silence is noticed');
    proxy.heal();
    await watcher.has(1);
    await watcher.client.close();
    await proxy.stop();
  });

  test(`${transport}: an application that takes its time holds back the server, and has all in order`, async () => {
    const seen: number[] = [];
    let most = 0;
    let busy = 0;
    const watcher = await t.connected({
      transport, window: 8, onEvent: async (event) => {
        most = Math.max(most, ++busy);
        await new Promise((done) => setImmediate(done));
        busy--;
        seen.push(event.payload as number);
      },
    });
    const all = Array.from({ length: 1000 }, (_, i) => i);
    await t.server.post(watcher.user, ...all);
    await until(() => seen.length === all.length, 'all come');
    assert.deepEqual(seen, all);
    assert.equal(most, 1, 'one at a time');
  });

  test(`${transport}: a handler that throws is told of, and the next event comes`, async () => {
    const seen: unknown[] = [];
    const watcher = await t.connected({
      transport, onEvent: (event) => {
        if (event.payload === 'bad') throw new Error('cannot show this');
        seen.push(event.payload);
      },
    });
    await t.server.post(watcher.user, 'bad', 'good');
    await until(() => seen.length === 1, 'the next comes');
    assert.match(String(watcher.errors[0]), /cannot show this/);
  });
}

test('large events come whole, in fragments of their connection', async () => {
  const watcher = await t.connected({ transport: 'websocket' });
  const large = 'x'.repeat(900_000);
  await t.server.post(watcher.user, large);
  await watcher.has(large);
});

test('a listener that throws, and a store that fails, are told of and harm nothing', async () => {
  const watcher = t.watch({
    onState: () => { throw new Error('a listener'); },
    cursors: { load: () => Promise.reject(new Error('no load')), save: () => Promise.reject(new Error('no save')) },
  });
  await watcher.connected();
  await t.server.post(watcher.user, 1);
  await watcher.has(1);
  await until(() => watcher.errors.some((error) => String(error).includes('no save')), 'the store is told of');
  for (const what of ['a listener', 'no load']) assert.ok(watcher.errors.some((error) => String(error).includes(what)));
});

test('a loop has every message, and the place is behind what it is done with', async () => {
  const cursors = memoryCursors();
  const watcher = t.watch({ cursors, onEvent: undefined as never, onNotice: undefined as never });
  await watcher.connected();
  await t.server.post(watcher.user, 1, 2, 3);
  const seen: unknown[] = [];
  for await (const message of watcher.client) {
    assert.ok(message.kind === 'event');
    seen.push(message.payload);
    if (seen.length === 2) break;
  }
  for await (const message of watcher.client) {
    assert.ok(message.kind === 'event');
    seen.push(message.payload);
    if (message.payload === 3) void watcher.client.close();
  }
  assert.deepEqual(seen, [1, 2, 2, 3], 'what a loop was left with comes again');
});
