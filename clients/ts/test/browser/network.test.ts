// Servers that restart and networks that fail, seen from Chromium.
import { test } from 'node:test';
import { Proxy } from '../support/proxy.js';
import { assert, Fixture, until } from './support.js';

const t = new Fixture();

// Of itself such a client would notice nothing, and try nothing, for ten minutes.
const patient = {
  keepAliveMs: 600_000, lifetimeMs: 1_200_000, probeMs: 200, backoff: { base: 600_000, max: 600_000 },
};

test('a server that is killed and started again: both tabs have what was posted, once', async () => {
  const [context, user] = [await t.context(), t.user()];
  const tabs = [await t.tab(context, { user }), await t.tab(context, { user })];
  for (const tab of tabs) await tab.connected();
  await t.server.post(user, 1);
  for (const tab of tabs) await tab.has(1);
  await t.server.kill();
  for (const tab of tabs) await tab.is('disconnected', ({ state }) => state !== 'Connected');
  await t.server.start();
  await t.server.post(user, 2);
  for (const tab of tabs) await tab.has(1, 2);
  for (const tab of tabs) await tab.connected();
});

test('a network that is cut, or swallows everything, is noticed, and nothing is lost', async () => {
  const proxy = await Proxy.start(t.server.address);
  const [context, user] = [await t.context(), t.user()];
  const tab = await t.tab(context, { user, url: proxy.url, keepAliveMs: 500, lifetimeMs: 1500 });
  await tab.connected();
  proxy.unreachable = true;
  proxy.cut();
  await tab.is('disconnected', ({ states }) => states.some((state) => state.startsWith('Disconnected')));
  await t.server.post(user, 1);
  proxy.heal();
  await tab.has(1);
  proxy.stall();
  await t.server.post(user, 2);
  await tab.is('disconnected again', ({ states }) => states.filter((state) => state.startsWith('Disconnected')).length > 1);
  proxy.heal();
  await tab.has(1, 2);
  await tab.page.close();
  await proxy.stop();
});

test('offline is noticed within the probe; online connects at once', async () => {
  const proxy = await Proxy.start(t.server.address);
  const [context, user] = [await t.context(), t.user()];
  const tab = await t.tab(context, { user, url: proxy.url, ...patient });
  await tab.connected();
  proxy.stall();
  await context.setOffline(true);
  await tab.is('disconnected', ({ state }) => state === 'Disconnected');
  await t.server.post(user, 1);
  proxy.heal();
  await context.setOffline(false);
  await tab.has(1);
  await tab.page.close();
  await proxy.stop();
});

test('a page that is shown again looks whether its connection lives, and connects at once', async () => {
  const proxy = await Proxy.start(t.server.address);
  const [context, user] = [await t.context(), t.user()];
  const tab = await t.tab(context, { user, url: proxy.url, ...patient });
  await tab.connected();
  proxy.stall();
  const show = (): Promise<unknown> => tab.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await show();
  await tab.is('disconnected', ({ state }) => state === 'Disconnected');
  await t.server.post(user, 1);
  proxy.heal();
  await show();
  await tab.has(1);
  await tab.page.close();
  await proxy.stop();
});

test('where WebSocket is blocked, server-sent events serve; and WebSocket once it is not', async () => {
  const proxy = await Proxy.start(t.server.address);
  proxy.refusesUpgrades = true;
  const [context, user] = [await t.context(), t.user()];
  const tab = await t.tab(context, { user, url: proxy.url, upgradeMs: 300 });
  assert.equal((await tab.connected()).transport, 'sse');
  await t.server.post(user, 1);
  await tab.has(1);
  proxy.refusesUpgrades = false;
  await tab.is('on WebSocket', ({ transport }) => transport === 'websocket');
  await t.server.post(user, 2);
  await tab.has(1, 2);
  await tab.page.close();
  await proxy.stop();
});

test('a page that the browser keeps when it is left goes on when it is returned to', async () => {
  const [context, user] = [await t.context(), t.user()];
  const tab = await t.tab(context, { user });
  await tab.connected();
  await t.server.post(user, 1);
  await tab.has(1);
  await tab.page.evaluate(() => addEventListener('pageshow', ({ persisted }) => { (globalThis as any).kept = persisted; }));
  await tab.page.goto(`${t.site.url}/?another`);
  await until(async () => (await t.server.fetch(`/v1/presence?user=${user}`)).connections.length === 0, 'it is gone');
  await t.server.post(user, 2);
  await tab.page.goBack({ waitUntil: 'commit' });
  await tab.has(1, 2);
  const { kept, why } = await tab.page.evaluate(() => ({
    kept: (globalThis as any).kept,
    why: (performance.getEntriesByType('navigation')[0] as any).notRestoredReasons,
  }));
  assert.equal(kept, true, JSON.stringify(why));
});
