// Metadata against the bytes of docs/formats/rsocket.md.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textOf } from '../../src/bytes.js';
import { bearerEntry, decodeComposite, decodeRoute, routeEntry } from '../../src/rsocket/metadata.js';
import { goldenBytes, hex } from './support.js';

const golden = goldenBytes('rsocket.md');

test('writes a route as the page has it', () => {
  const written = routeEntry('notifications.stream');
  assert.equal(hex(written), hex(golden.get('composite')!.subarray(0, written.length)));
});

test('writes a bearer token as the page has it', () => {
  assert.equal(hex(bearerEntry('t')), `fc000002${hex(golden.get('authentication-bearer')!)}`);
});

test('reads entries and the route', () => {
  const entries = decodeComposite(golden.get('composite')!);
  assert.equal(decodeRoute(entries), 'notifications.stream');
  assert.equal(textOf(entries.get('application/json')!), '{}');
  assert.equal(textOf(entries.get('a/b')!), 'x');
  assert.equal(decodeRoute(new Map()), '');
});

test('what is cut off is a RangeError', () => {
  assert.throws(() => decodeComposite(golden.get('composite')!.subarray(0, 12)), RangeError);
});
