// The example pages, opened as files, show what is posted.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'node:test';
import { assert, Fixture } from './support.js';

const t = new Fixture();
const example = (name: string): string =>
  pathToFileURL(resolve('../../examples', name)).href;

test('live.html', async () => {
  const page = await (await t.context()).newPage();
  await page.goto(`${example('live.html')}?server=${t.server.url}`);
  await page.getByText('live', { exact: true }).waitFor();
  await t.server.post('42', { text: 'from a service' });
  await page.getByText('from a service').waitFor();
  await page.getByPlaceholder('a notification').fill('from this page');
  await page.getByRole('button').click();
  await page.getByRole('listitem').filter({ hasText: 'from this page' }).waitFor();
});

test('notifications.html', async () => {
  const context = await t.context();
  const page = await context.newPage();
  await page.goto(`${example('notifications.html')}?server=${t.server.url}&user=u-8`);
  await page.getByText('Connected by websocket').waitFor();
  const path = '/v1/events?topic=user/u-8&wait=acked&timeout=20s';
  const receipt = t.server.fetch(path, 'POST', { payload: { text: 'from a service' } });
  await page.getByRole('listitem').filter({ hasText: 'from a service' }).getByRole('button').click();
  const [result] = (await receipt).receipts;
  assert.deepEqual(result.connections.map((one: any) => [one.state, one.reply]), [['replied', { clicked: 'OK' }]]);
  const question = t.server.fetch('/v1/questions?user=u-8&timeout=20s', 'POST', { text: 'Pay 5?' });
  await page.getByRole('listitem').filter({ hasText: 'Pay 5?' }).getByText('Yes').click();
  assert.deepEqual((await question).answers.map((one: any) => one.answer), [{ text: 'Yes' }]);
  await page.getByPlaceholder('a notification').fill('from this page');
  await page.getByText('Post', { exact: true }).click();
  await page.getByRole('listitem').filter({ hasText: 'from this page' }).waitFor();
});
