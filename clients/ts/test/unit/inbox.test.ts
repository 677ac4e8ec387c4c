// What waits for the application.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inbox } from '../../src/inbox.js';

test('takes as many as fit, gives them in order, and one to who waits', async () => {
  const inbox = new Inbox<number>(2);
  assert.deepEqual([1, 2, 3].map((item) => inbox.push(item)), [true, true, false]);
  assert.deepEqual([await inbox.next(), await inbox.next()], [1, 2]);
  const waiting = inbox.next();
  assert.equal(inbox.push(4), true);
  assert.equal(await waiting, 4);
});

test('ends behind what is in it, with the error or without', async () => {
  const [well, ill] = [new Inbox<number>(2), new Inbox<number>(2)];
  well.push(1);
  well.close();
  assert.equal(await well.next(), 1);
  assert.equal(await well.next(), undefined);
  const waiting = ill.next();
  ill.close(new Error('refused'));
  await assert.rejects(waiting, /refused/);
  await assert.rejects(ill.next(), /refused/);
});
