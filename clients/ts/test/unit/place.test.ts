// Cursors of docs/formats/cursor.md, and what is new behind one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Item } from '../../src/item.js';
import { covers, parseCursor, Place } from '../../src/place.js';

const text = 'AQEjRWeJq83v5S_97qwCesJ0Bg'; // epoch 0123456789abcdef, topic "orders", next offset 300

// The same with another next offset (below 128), or epoch. The check at the end is the server's business.
function cursorAt(next: number, epoch = '0123456789abcdef'): string {
  const bytes = Buffer.concat([
    Buffer.from([1]), Buffer.from(epoch, 'hex'), Buffer.from('e52ffdee', 'hex'), Buffer.from([next]), Buffer.alloc(4),
  ]);
  return bytes.toString('base64url');
}
const event = (next: number, epoch?: string): Item =>
  ({ kind: 'event', cursor: cursorAt(next, epoch), line: { topic: 'orders', offset: next - 1 } as any });

test('reads the cursor of the page', () => {
  assert.deepEqual(parseCursor(text), { log: '010123456789abcdefe52ffdee', epoch: '0123456789abcdef', next: 300 });
});

test('what is no topic cursor is passed on unread', () => {
  for (const other of ['', 'A', 'AgEjRWeJq83vAgfAhD0Q_jFW', '!!!', 'AQ']) assert.equal(parseCursor(other), undefined);
});

test('admits each event once', () => {
  const place = new Place(cursorAt(5));
  assert.equal(place.admit(event(5)), false);
  assert.equal(place.admit(event(6)), true);
  assert.equal(place.admit(event(6)), false);
  assert.equal(place.admit(event(4)), false);
  assert.equal(place.admit(event(7)), true);
  assert.equal(place.cursor, cursorAt(7));
});

test('a new epoch begins anew, and is told once', () => {
  const place = new Place(cursorAt(50));
  const change: Item = { kind: 'epochChanged', before: '0123456789abcdef', now: 'ffffffffffffffff' };
  assert.equal(place.admit(change), true);
  assert.equal(place.admit(event(1, 'ffffffffffffffff')), true);
  assert.equal(place.admit(change), false);
  assert.equal(place.admit(event(1, 'ffffffffffffffff')), false);
});

test('a place in a new epoch that comes before the news of it does not keep that back', () => {
  const place = new Place(cursorAt(50));
  assert.equal(place.admit({ kind: 'position', cursor: cursorAt(0, 'ffffffffffffffff') }), true);
  assert.equal(place.admit({ kind: 'epochChanged', before: '0123456789abcdef', now: 'ffffffffffffffff' }), true);
  assert.equal(place.admit(event(1, 'ffffffffffffffff')), true);
});

test('a gap is told unless all behind it is here', () => {
  const place = new Place(cursorAt(5));
  assert.equal(place.admit(event(6)), true);
  assert.equal(place.admit({ kind: 'gap', topic: 'orders', first: 2, end: 4 }), false);
  assert.equal(place.admit({ kind: 'gap', topic: 'orders', first: 6, end: 9 }), true);
  assert.equal(place.admit({ kind: 'gap', topic: 'others', first: 2, end: 4 }), true);
});

test('a refused cursor is forgotten', () => {
  const place = new Place(cursorAt(5));
  assert.equal(place.admit({ kind: 'cursorRefused', reason: 'x' }), true);
  assert.equal(place.cursor, undefined);
  assert.equal(place.admit(event(2)), true);
});

test('who reads on from an earlier place misses nothing', () => {
  assert.equal(covers(cursorAt(4), cursorAt(5)), true);
  assert.equal(covers(cursorAt(5), cursorAt(5)), true);
  assert.equal(covers(cursorAt(6), cursorAt(5)), false);
  assert.equal(covers(cursorAt(6), cursorAt(5, 'ffffffffffffffff')), true);
});
