// Tabs of one browser, in Chromium.
import { test } from 'node:test';
import { assert, Fixture, until } from './support.js';

const t = new Fixture();

const connections = async (user: string): Promise<number> =>
  (await t.server.fetch(`/v1/presence?user=${user}`)).connections.length;

test('two tabs have one connection, and each has every event', async () => {
  const [context, user] = [await t.context(), t.user()];
  const [a, b] = [await t.tab(context, { user }), await t.tab(context, { user })];
  await a.connected();
  await b.connected();
  await t.server.post(user, 1, 2);
  await a.has(1, 2);
  await b.has(1, 2);
  assert.equal(await connections(user), 1);
  assert.deepEqual([(await a.view()).leads, (await b.view()).leads], [true, false]);
});

test('by choice each tab has a connection of its own', async () => {
  const [context, user] = [await t.context(), t.user()];
  const [a, b] = [await t.tab(context, { user, tabs: 'own' }), await t.tab(context, { user, tabs: 'own' })];
  await a.connected();
  await b.connected();
  await t.server.post(user, 1);
  await a.has(1);
  await b.has(1);
  assert.equal(await connections(user), 2);
});

for (const how of ['closed', 'crashed'] as const) {
  test(`a leader that is ${how} is replaced within a second, under load, without loss or repetition`, async () => {
    const [context, user] = [await t.context(), t.user()];
    const tabs = [await t.tab(context, { user }), await t.tab(context, { user }), await t.tab(context, { user })];
    for (const tab of tabs) await tab.connected();
    const [leader, ...others] = tabs;
    assert.equal((await leader!.view()).leads, true);
    const posted: number[] = [];
    let posting = true;
    const load = (async () => {
      while (posting) {
        posted.push(posted.length);
        await t.server.post(user, posted.length - 1);
      }
    })();
    await until(() => posted.length > 50, 'events flow');
    const before = performance.now();
    if (how === 'closed') await leader!.page.close();
    else await leader!.page.goto('chrome://crash').catch(() => {});
    await until(async () => {
      const views = await Promise.all(others.map((tab) => tab.view()));
      return views.some((view) => view.leads && view.state === 'Connected');
    }, 'another leads');
    const took = performance.now() - before;
    const there = posted.length;
    await until(() => posted.length > there + 50, 'events flow on');
    posting = false;
    await load;
    for (const tab of others) await tab.has(...posted);
    assert.equal(await connections(user), 1);
    assert.ok(took < 1000, `it took ${took} ms`);
  });
}

test('a tab that is loaded anew has what was posted while it was away', async () => {
  const [context, user] = [await t.context(), t.user()];
  const tab = await t.tab(context, { user });
  await tab.connected();
  await t.server.post(user, 1);
  await tab.has(1);
  await tab.page.goto('about:blank');
  await until(async () => (await connections(user)) === 0, 'it is gone');
  await t.server.post(user, 2);
  await t.load(tab, { user });
  await tab.has(2);
});

test('a tab that comes later, or leads later, goes on where the others are', async () => {
  const [context, user] = [await t.context(), t.user()];
  const a = await t.tab(context, { user });
  await a.connected();
  await t.server.post(user, 1);
  await a.has(1);
  const b = await t.tab(context, { user });
  await b.connected();
  await a.page.close();
  await t.server.post(user, 2);
  await b.has(2);
});

test('a question is put to all tabs, and one answers for them', async () => {
  const [context, user] = [await t.context(), t.user()];
  const [a, b] = [await t.tab(context, { user }), await t.tab(context, { user, answer: 'from the second' })];
  await a.connected();
  await b.connected();
  const { answers } = await t.server.fetch(`/v1/questions?user=${user}&timeout=10s`, 'POST', { ok: 1 });
  assert.deepEqual(answers.map(({ state, answer }: any) => [state, answer]), [
    ['answered', { answer: 'from the second', payload: { ok: 1 } }],
  ]);
});

test('any tab posts, and acks', async () => {
  const [context, user] = [await t.context(), t.user()];
  const [a, b] = [await t.tab(context, { user, ack: 'manual' }), await t.tab(context, { user, ack: 'manual' })];
  await a.connected();
  await b.connected();
  await b.page.evaluate((topic) => (globalThis as any).client.post({ topic, payload: 'from b' }), `user/${user}`);
  await a.has('from b');
  await b.has('from b');
  await b.page.evaluate((topic) => (globalThis as any).client.sendAck({ topic, offset: 0, reply: 'seen by b' }), `user/${user}`);
  const receipt = await t.server.fetch(`/v1/receipts?topic=user/${user}&offset=0`);
  assert.deepEqual(receipt.connections.map((one: any) => [one.state, one.reply]), [['replied', 'seen by b']]);
});
