// Server-sent events out of pieces.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventText } from '../../src/event_text.js';

const text = 'retry: 1000\nid: a\n\n: a comment\nid: b\ndata: {"x":1}\n\nevent: gap\ndata: one\ndata: two\n\nid\n\n';
const events = [
  { name: '', data: '', id: 'a' },
  { name: '', data: '{"x":1}', id: 'b' },
  { name: 'gap', data: 'one\ntwo', id: 'b' },
  { name: '', data: '', id: '' },
];

for (const [name, ending] of [['LF', '\n'], ['CRLF', '\r\n'], ['CR', '\r']] as const) {
  test(`reads events whole and byte by byte, lines ending with ${name}`, () => {
    // A CR at the very end may be half of a CRLF, so it waits for what follows.
    const whole = text.replaceAll('\n', ending) + ':';
    assert.deepEqual([...new EventText().push(whole)], events);
    const pieces = new EventText();
    assert.deepEqual([...whole].flatMap((piece) => [...pieces.push(piece)]), events);
  });
}
