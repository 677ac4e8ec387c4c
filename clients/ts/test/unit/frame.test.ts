// Frames against the bytes of docs/formats/rsocket.md, which the server's own tests read too.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat, noBytes, utf8 } from '../../src/bytes.js';
import {
  decodeFrame, encodeCancel, encodeError, encodeFragments, encodeKeepAlive, encodePayload, encodeRequestN, encodeSetup,
  Flag, FrameType, maxRequestN,
} from '../../src/rsocket/frame.js';
import { compositeMime, jsonMime } from '../../src/rsocket/metadata.js';
import { goldenBytes, hex } from './support.js';

const golden = goldenBytes('rsocket.md');
const d = { data: utf8('d') };
const md = { data: utf8('d'), metadata: utf8('m') };

const encoded: Record<string, Uint8Array> = {
  setup: encodeSetup({
    keepAliveMs: 60_000, lifetimeMs: 180_000, metadataMime: compositeMime, dataMime: jsonMime, data: utf8('u-7'),
  }),
  keepalive: encodeKeepAlive(true, utf8('hi'), 258),
  'request-response': encodePayload(1, FrameType.RequestResponse, 0, md),
  'request-fnf': encodePayload(3, FrameType.RequestFnf, Flag.Follows, { data: d.data, metadata: noBytes }),
  'request-stream': encodePayload(5, FrameType.RequestStream, 0, d, maxRequestN),
  'request-n': encodeRequestN(5, 256),
  cancel: encodeCancel(5),
  'payload-next': encodePayload(5, FrameType.Payload, Flag.Next, md),
  'payload-next-complete': encodePayload(5, FrameType.Payload, Flag.Next | Flag.Complete, d),
  'payload-complete': encodePayload(5, FrameType.Payload, Flag.Complete, { data: noBytes }),
  'payload-fragment': encodePayload(5, FrameType.Payload, Flag.Next | Flag.Follows, d),
  error: encodeError(5, 0x204, 'no'),
};

for (const [name, bytes] of Object.entries(encoded)) {
  test(`encodes ${name}`, () => {
    assert.equal(hex(bytes), hex(golden.get(name)!));
  });
}

test('decodes what a server sends', () => {
  const fields = (name: string) => {
    const { type, stream, flags, value, data, metadata } = decodeFrame(golden.get(name)!);
    return { type, stream, flags, value, data: hex(data), metadata: metadata && hex(metadata) };
  };
  assert.deepEqual(fields('keepalive'),
    { type: FrameType.KeepAlive, stream: 0, flags: 0x80, value: 258, data: '6869', metadata: undefined });
  assert.deepEqual(fields('request-response'),
    { type: FrameType.RequestResponse, stream: 1, flags: 0x100, value: 0, data: '64', metadata: '6d' });
  assert.deepEqual(fields('request-stream'),
    { type: FrameType.RequestStream, stream: 5, flags: 0, value: maxRequestN, data: '64', metadata: undefined });
  assert.deepEqual(fields('payload-next-complete'),
    { type: FrameType.Payload, stream: 5, flags: 0x60, value: 0, data: '64', metadata: undefined });
  assert.deepEqual(fields('error'),
    { type: FrameType.Error, stream: 5, flags: 0, value: 0x204, data: '6e6f', metadata: undefined });
  assert.deepEqual(fields('metadata-push'),
    { type: FrameType.MetadataPush, stream: 0, flags: 0x100, value: 0, data: '', metadata: '6d' });
  assert.equal(decodeFrame(golden.get('ext')!).type, FrameType.Ext);
});

test('what is cut off is a RangeError, at every length', () => {
  for (const name of ['keepalive', 'request-response', 'request-stream', 'request-n']) {
    const bytes = golden.get(name)!;
    const needed = name === 'request-response' ? 10 : name === 'keepalive' ? 14 : 10;
    for (let size = 0; size < needed; size++) assert.throws(() => decodeFrame(bytes.subarray(0, size)), RangeError);
  }
});

test('fragments: metadata first, Next on every PAYLOAD that goes on, and together the whole', () => {
  const payload = { metadata: utf8('0123456789'), data: utf8('abcdefghij') };
  const frames = encodeFragments(1, FrameType.RequestStream, 0, payload, 4, 7).map(decodeFrame);
  assert.deepEqual(frames.map(({ type }) => type), [FrameType.RequestStream, ...Array(4).fill(FrameType.Payload)]);
  assert.equal(frames[0]!.value, 7);
  assert.deepEqual(frames.map(({ flags }) => flags), [0x180, 0x1a0, 0x1a0, 0x0a0, 0x020]);
  assert.equal(hex(concat(frames.map(({ metadata }) => metadata ?? noBytes))), hex(payload.metadata));
  assert.equal(hex(concat(frames.map(({ data }) => data))), hex(payload.data));
  const answer = encodeFragments(2, FrameType.Payload, Flag.Next | Flag.Complete, { data: utf8('abcdef') }, 4);
  assert.deepEqual(answer.map(decodeFrame).map(({ flags }) => flags), [0x0a0, 0x060]);
});
