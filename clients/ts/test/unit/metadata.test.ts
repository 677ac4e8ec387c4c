// Metadata against the bytes of docs/formats/rsocket.md.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat, textOf, utf8 } from '../../src/bytes.js';
import { bearerEntry, decodeComposite, decodeRoute, jsonEntry, routeEntry } from '../../src/rsocket/metadata.js';
import { goldenBytes, hex } from './support.js';

const golden = goldenBytes('rsocket.md');

test('writes a route, JSON and an entry of another type as the page has them', () => {
  const json = concat([Uint8Array.of(0x85, 0, 0, 2), utf8('{}')]);
  const written = concat([routeEntry('notifications.stream'), json]);
  assert.equal(hex(written), hex(golden.get('composite')!.subarray(0, written.length)));
  assert.equal(hex(jsonEntry('a/b', 1)), '02612f6200000131');
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
