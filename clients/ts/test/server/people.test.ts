// What goes the other way: acks, questions, presence, posts, and being refused; by each transport.
import { test } from 'node:test';
import { PostroadError } from '../../src/index.js';
import { assert, Fixture, until } from './support.js';

const t = new Fixture(`
[users]
max_connections = 2
when_full = "close"
[[routes]]
route = "notifications.stream"
topic = "user/{user}"
[[routes]]
route = "turns"
topic = "user/{user}"
receivers = "one"
`);

for (const transport of ['websocket', 'sse'] as const) {
  const receipt = (user: string, payload: unknown): Promise<any> => t.server.fetch(
    `/v1/events?topic=user/${user}&wait=acked&timeout=10s`, 'POST', { payload },
  );

  test(`${transport}: who posts reads that it was handled, answered, or failed`, async () => {
    const watcher = await t.connected({
      transport, onEvent: async (event) => {
        if (event.payload === 'reply') await event.ack({ answer: 42 });
        if (event.payload === 'throw') throw new Error('no room');
        if (event.payload === 'fail') await event.fail('not for me');
      },
    });
    const states = async (payload: string): Promise<any> => {
      const { receipts } = await receipt(watcher.user, payload);
      const [{ state, reply, reason }] = receipts[0].connections;
      return { state, reply, reason };
    };
    assert.deepEqual(await states('plain'), { state: 'acked', reply: undefined, reason: undefined });
    assert.deepEqual(await states('reply'), { state: 'replied', reply: { answer: 42 }, reason: undefined });
    assert.deepEqual(await states('throw'), { state: 'failed', reply: undefined, reason: 'no room' });
    assert.deepEqual(await states('fail'), { state: 'failed', reply: undefined, reason: 'not for me' });
  });

  test(`${transport}: an ack of what this connection was not sent is refused`, async () => {
    const watcher = await t.connected({ transport, ack: 'manual' });
    await t.server.post(watcher.user, 1);
    await watcher.has(1);
    const [event] = watcher.messages;
    assert.ok(event?.kind === 'event');
    await event.ack();
    await assert.rejects((watcher.client as any).sendAck({ topic: event.topic, offset: 99 }), { reason: 'UNKNOWN_DELIVERY' });
  });

  test(`${transport}: questions are answered, refused, and cancelled`, async () => {
    const cancelled: string[] = [];
    const ask = (user: string, body: unknown, more = ''): Promise<any> =>
      t.server.fetch(`/v1/questions?user=${user}&timeout=5s${more}`, 'POST', body);
    const watcher = await t.connected({
      transport, onQuestion: ({ payload, signal }) => {
        if (payload === 'refuse') throw new Error('I would rather not');
        if (payload === 'slow') {
          return new Promise((done) => signal.addEventListener('abort', () => { cancelled.push('slow'); done(0); }));
        }
        return { yes: payload };
      },
    });
    const one = async (body: unknown, more?: string): Promise<any> => (await ask(watcher.user, body, more)).answers[0];
    const answered = await one({ pay: 5 });
    assert.deepEqual([answered.state, answered.answer], ['answered', { yes: { pay: 5 } }]);
    const refused = await one('refuse');
    assert.equal(refused.state, 'failed');
    assert.match(refused.reason, /I would rather not/);
    assert.equal((await one('slow', '&timeout=1s').catch(() => ({ state: 'error' }))).state !== 'answered', true);
    await until(() => cancelled.length > 0, 'the handler hears that nobody waits any more');
  });

  test(`${transport}: who is asked hears that another has answered`, async () => {
    let over = false;
    const slow = await t.connected({
      transport, onQuestion: ({ signal }) => new Promise((done) => signal.addEventListener('abort', () => {
        over = true;
        done(0);
      })),
    });
    await t.connected({ transport, user: slow.user, onQuestion: () => 'mine' });
    const { answers } = await t.server.fetch(`/v1/questions?user=${slow.user}&timeout=5m`, 'POST', {});
    assert.deepEqual(answers.map((one: any) => one.state).sort(), ['answered', 'cancelled']);
    await until(() => over, 'it hears so');
  });

  test(`${transport}: a client without a handler refuses questions`, async () => {
    const watcher = await t.connected({ transport });
    const { answers } = await t.server.fetch(`/v1/questions?user=${watcher.user}&timeout=5s`, 'POST', {});
    assert.deepEqual(answers.map((one: any) => one.state), ['failed']);
    assert.match(answers[0].reason, /NO_HANDLER/);
  });

  test(`${transport}: posts, and sees who is there`, async () => {
    const watcher = await t.connected({ transport });
    const [posted] = await watcher.client.post({ topic: `user/${watcher.user}`, payload: { mine: true }, type: 'note' });
    assert.equal(posted!.offset, 0);
    await watcher.has({ mine: true });
    const bytes = Uint8Array.of(1, 2, 255);
    await watcher.client.post([{ topic: `user/${watcher.user}`, payload: bytes }]);
    await watcher.has({ mine: true }, bytes);
    const there = await watcher.client.presence();
    assert.deepEqual(there.map(({ user, transport: by }) => [user, by]), [[watcher.user, transport]]);
    assert.deepEqual(await watcher.client.presence('nobody-of-that-name'), []);
    await assert.rejects(watcher.client.post({ topic: 'a bad name' }), PostroadError);
  });

  test(`${transport}: one connection too many ends the oldest, which stays away`, async () => {
    const user = `crowd-${transport}`;
    const first = await t.connected({ transport, user });
    await t.connected({ transport, user });
    await t.connected({ transport, user });
    await until(() => first.client.state === 'Closed', 'the oldest is ended');
    assert.equal(first.client.status.error!.reason, 'REPLACED');
  });
}

test('a blank user is refused for good, and a loop says why', async () => {
  const watcher = t.watch({ user: '', transport: 'websocket', onEvent: undefined as never, onNotice: undefined as never });
  await assert.rejects(async () => {
    for await (const _ of watcher.client) assert.fail('nothing should come');
  }, { reason: 'NO_USER' });
  assert.deepEqual(watcher.states, ['Connecting', 'Closed NO_USER']);
});

test('where connections take turns, what one left unacked goes to the other, though it is behind', async () => {
  const options = { user: 'turns', route: 'turns', transport: 'websocket', ack: 'manual' } as const;
  const [a, b] = [await t.connected(options), await t.connected(options)];
  await t.server.post('turns', 0, 1, 2, 3, 4, 5);
  await until(() => a.payloads.length + b.payloads.length === 6, 'each event goes to one');
  // So that the server knows it for one that acks.
  const [event] = a.messages;
  assert.ok(event?.kind === 'event' && a.payloads.length > 1 && b.payloads.length > 1, `${a.payloads}; ${b.payloads}`);
  await event.ack();
  const left = a.payloads.slice(1);
  await a.client.close();
  await until(() => left.every((payload) => b.payloads.includes(payload)), 'what was left unacked comes');
  assert.ok(!b.payloads.includes(event.payload), 'what was acked does not');
});
