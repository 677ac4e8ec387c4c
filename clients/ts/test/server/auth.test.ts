// Keys, by each transport: what they allow, and what becomes of a client without a good one.
import { test } from 'node:test';
import { assert, Fixture, until } from './support.js';

const t = new Fixture(`
[[keys]]
name = "reader"
key = "key-that-only-reads-0001"
read = ["user/*"]
[[keys]]
name = "writer"
key = "key-that-does-both-0001"
read = ["user/*"]
post = ["user/*"]
[[keys]]
name = "other"
key = "key-of-another-topic-01"
read = ["news"]
`);

for (const transport of ['websocket', 'sse'] as const) {
  test(`${transport}: a key reads and posts what it may`, async () => {
    const writer = await t.connected({ transport, token: 'key-that-does-both-0001' });
    const reader = await t.connected({ transport, token: 'key-that-only-reads-0001', user: writer.user });
    const event = { topic: `user/${writer.user}`, payload: 1 };
    await writer.client.post(event);
    await reader.has(1);
    await assert.rejects(reader.client.post(event), { reason: 'NOT_ALLOWED' });
  });

  test(`${transport}: a wrong key, and one that may not read, is refused for good`, async () => {
    const reasons = { none: 'KEY_MISSING', wrong: 'KEY_UNKNOWN', 'key-of-another-topic-01': 'NOT_ALLOWED' };
    for (const [token, reason] of Object.entries(reasons)) {
      const watcher = t.watch({ transport, ...(token === 'none' ? {} : { token }) });
      await until(() => watcher.client.state === 'Closed', 'it is refused');
      assert.equal(watcher.client.status.error!.reason, reason);
    }
  });

  test(`${transport}: a token that is asked for is asked for until it is good`, async () => {
    const tokens = ['expired', 'expired', 'key-that-does-both-0001'];
    const watcher = await t.connected({ transport, token: async () => tokens.shift() });
    assert.equal(tokens.length, 0);
    await watcher.client.post({ topic: `user/${watcher.user}`, payload: 1 });
    await watcher.has(1);
  });
}
