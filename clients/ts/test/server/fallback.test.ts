// Server-sent events where WebSocket is blocked, and back.
import { test } from 'node:test';
import { Proxy } from '../support/proxy.js';
import { assert, Fixture, until } from './support.js';

const t = new Fixture();

test('falls back behind a proxy that refuses WebSocket, and returns to it once it may', async () => {
  const proxy = await Proxy.start(t.server.address);
  proxy.refusesUpgrades = true;
  const watcher = await t.connected({ url: proxy.url, upgradeMs: 200 });
  assert.equal(watcher.client.transport, 'sse');
  await t.server.post(watcher.user, 1);
  await watcher.has(1);
  proxy.refusesUpgrades = false;
  await until(() => watcher.client.transport === 'websocket', 'WebSocket takes over');
  await t.server.post(watcher.user, 2, 3);
  await watcher.has(1, 2, 3);
  assert.deepEqual(watcher.states, ['Connecting', 'Connected sse', 'Connected websocket']);
  await watcher.client.close();
  await proxy.stop();
});

test('falls back where there is no WebSocket at all', async () => {
  const found = globalThis.WebSocket;
  Object.assign(globalThis, { WebSocket: undefined });
  try {
    const watcher = await t.connected({ WebSocket: undefined });
    assert.equal(watcher.client.transport, 'sse');
    await t.server.post(watcher.user, 1);
    await watcher.has(1);
    assert.throws(() => t.watch({ WebSocket: undefined, transport: 'websocket' }), { reason: 'INVALID_OPTION' });
  } finally {
    Object.assign(globalThis, { WebSocket: found });
  }
});

test('posts and acks go over restarts, stored once', async () => {
  const watcher = await t.connected();
  await t.server.kill();
  const posted = watcher.client.post([{ topic: `user/${watcher.user}`, payload: 'while down' }]);
  await new Promise((done) => setTimeout(done, 100));
  await t.server.start();
  const [result] = await posted;
  assert.equal(result!.offset, 0);
  await watcher.has('while down');
});
