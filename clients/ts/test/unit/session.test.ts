// A session by its script: what it sends for what it hears, and when.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textOf, utf8, type Bytes } from '../../src/bytes.js';
import { PostroadError } from '../../src/error.js';
import {
  decodeFrame, encodeCancel, encodeError, encodeFragments, encodeKeepAlive, encodePayload, Flag, FrameType, type Frame,
  type Payload,
} from '../../src/rsocket/frame.js';
import { Session } from '../../src/rsocket/session.js';
import { ManualClock, settled } from './support.js';

class Script {
  readonly clock = new ManualClock();
  readonly sent: Frame[] = [];
  readonly closed: PostroadError[] = [];
  readonly asked: { text: string; signal: AbortSignal; answer(data: Bytes): void; refuse(error: Error): void }[] = [];
  ended = 0;
  readonly session = new Session({
    setup: { keepAliveMs: 1000, lifetimeMs: 3000, metadataMime: 'm', dataMime: 'd', data: utf8('u-7') },
    clock: this.clock, maxFrameBytes: 8, maxPayloadBytes: 32,
    send: (frame) => this.sent.push(decodeFrame(frame)),
    end: () => this.ended++,
    events: {
      asked: ({ data }, signal) => new Promise((answer, refuse) => {
        this.asked.push({ text: textOf(data), signal, answer, refuse });
      }),
      closed: (error) => this.closed.push(error),
    },
  });
  readonly got: string[] = [];

  hear(...frames: Bytes[]): void {
    for (const frame of frames) this.session.receive(frame);
  }

  /** The frames since the last call. */
  take(): Frame[] {
    return this.sent.splice(0);
  }

  stream(n: number) {
    return this.session.requestStream({ data: utf8('x') }, n, {
      next: ({ data }) => this.got.push(textOf(data)),
      complete: () => this.got.push('complete'),
      error: ({ reason }) => this.got.push(reason),
    });
  }
}

const payload = (stream: number, text: string, flags: number = Flag.Next): Bytes =>
  encodePayload(stream, FrameType.Payload, flags, { data: utf8(text) });
const types = (frames: Frame[]): FrameType[] => frames.map(({ type }) => type);

test('SETUP comes first, requests take odd ids', async () => {
  const script = new Script();
  script.stream(5);
  void script.session.requestResponse({ data: utf8('y') });
  script.session.fireAndForget({ data: utf8('z') });
  const sent = script.take();
  assert.deepEqual(types(sent), [FrameType.Setup, FrameType.RequestStream, FrameType.RequestResponse, FrameType.RequestFnf]);
  assert.deepEqual(sent.map(({ stream }) => stream), [0, 1, 3, 5]);
  assert.equal(sent[1]!.value, 5);
});

test('a stream: items, more credit, its end', () => {
  const script = new Script();
  const stream = script.stream(2);
  script.hear(payload(1, 'a'), payload(1, 'b'));
  script.take();
  stream.request(3);
  assert.deepEqual(script.take().map(({ type, value }) => [type, value]), [[FrameType.RequestN, 3]]);
  script.hear(payload(1, 'c', Flag.Next | Flag.Complete), payload(1, 'late'));
  assert.deepEqual(script.got, ['a', 'b', 'c', 'complete']);
  stream.request(1);
  stream.cancel();
  assert.deepEqual(script.take(), [], 'a stream that ended is left alone');
});

test('cancel is told once, and nothing comes after it', () => {
  const script = new Script();
  const stream = script.stream(2);
  script.take();
  stream.cancel();
  stream.cancel();
  script.hear(payload(1, 'a'));
  assert.deepEqual(types(script.take()), [FrameType.Cancel]);
  assert.deepEqual(script.got, []);
});

test('an ERROR of a stream ends that stream only, with the reason', () => {
  const script = new Script();
  script.stream(2);
  script.hear(encodeError(1, 0x204, 'NO_ROUTE: metadata: there is no route "x"'));
  assert.deepEqual(script.got, ['NO_ROUTE']);
  assert.deepEqual(script.closed, []);
});

test('fragments become one message, bounded', () => {
  const script = new Script();
  script.stream(9);
  script.hear(...encodeFragments(1, FrameType.Payload, Flag.Next, { data: utf8('a message in pieces') }, 4));
  assert.deepEqual(script.got, ['a message in pieces']);
  script.take();
  for (let i = 0; i < 9; i++) script.hear(payload(1, '12345678', Flag.Next | Flag.Follows));
  assert.deepEqual(script.got, ['a message in pieces', 'TOO_LARGE']);
  assert.deepEqual(types(script.take()), [FrameType.Cancel]);
});

test('large requests go out in fragments', () => {
  const script = new Script();
  script.take();
  script.session.fireAndForget({ data: utf8('0123456789') });
  assert.deepEqual(types(script.take()), [FrameType.RequestFnf, FrameType.Payload]);
});

test('request-response: the answer, an empty one, the refusal, the loss', async () => {
  const script = new Script();
  const ask = (): Promise<Payload | undefined> => script.session.requestResponse({ data: utf8('?') });
  const [full, empty, refused, lost] = [ask(), ask(), ask(), ask()];
  script.hear(
    payload(1, '!', Flag.Next | Flag.Complete), payload(3, '', Flag.Complete), encodeError(5, 0x202, 'PERMISSION_DENIED: no'),
  );
  assert.equal(textOf((await full)!.data), '!');
  assert.equal(await empty, undefined);
  await assert.rejects(refused, { reason: 'PERMISSION_DENIED', fromServer: true });
  script.session.close(new PostroadError('CONNECTION_LOST', 'gone'));
  await assert.rejects(lost, { reason: 'CONNECTION_LOST', fromServer: false });
});

test('a KEEPALIVE that asks is answered with its data', () => {
  const script = new Script();
  script.take();
  script.hear(encodeKeepAlive(true, utf8('echo')), encodeKeepAlive(false, utf8('not')));
  const sent = script.take();
  assert.deepEqual(sent.map(({ type, flags, data }) => [type, flags, textOf(data)]), [[FrameType.KeepAlive, 0, 'echo']]);
});

test('any byte counts as life; silence for the lifetime ends it', async () => {
  const script = new Script();
  script.stream(9);
  for (let second = 0; second < 10; second++) {
    await script.clock.advance(1000);
    script.hear(payload(1, 'x'));
  }
  assert.equal(types(script.take()).filter((type) => type === FrameType.KeepAlive).length, 10);
  assert.deepEqual(script.closed, []);
  await script.clock.advance(2999);
  assert.deepEqual(script.closed, []);
  await script.clock.advance(1001);
  assert.deepEqual(script.closed.map(({ reason }) => reason), ['CONNECTION_LOST']);
  assert.equal(script.ended, 1);
  assert.equal(script.clock.waiting, 0, 'no timer is left');
});

test('a probe ends the connection unless a byte comes', async () => {
  const script = new Script();
  script.session.probe(500);
  script.session.probe(500);
  assert.deepEqual(types(script.take()), [FrameType.Setup, FrameType.KeepAlive]);
  await script.clock.advance(400);
  script.hear(encodeKeepAlive(false));
  await script.clock.advance(500);
  assert.deepEqual(script.closed, []);
  script.session.probe(500);
  await script.clock.advance(500);
  assert.equal(script.closed.length, 1);
});

test('an ERROR of the connection ends all, with its reason', () => {
  const script = new Script();
  script.stream(1);
  script.hear(encodeError(0, 0x003, 'NO_USER: setup.data: must name the user'));
  assert.deepEqual(script.got, ['NO_USER']);
  assert.deepEqual(script.closed.map(({ reason, fromServer }) => [reason, fromServer]), [['NO_USER', true]]);
});

test('a malformed frame is answered with an ERROR and the end', () => {
  const script = new Script();
  script.take();
  script.hear(Uint8Array.of(0, 0, 0, 1, 0x29, 0x20, 0, 0xff, 0xff));
  assert.deepEqual(types(script.take()), [FrameType.Error]);
  assert.equal(script.ended, 1);
});

test('questions: answered, refused, cancelled', async () => {
  const script = new Script();
  script.take();
  script.hear(...[2, 4, 6].map((id) => encodePayload(id, FrameType.RequestResponse, 0, { data: utf8(`q${id}`) })));
  script.asked[0]!.answer(utf8('yes'));
  script.asked[1]!.refuse(new Error('I will not'));
  script.hear(encodeCancel(6));
  assert.equal(script.asked[2]!.signal.aborted, true);
  script.asked[2]!.answer(utf8('too late'));
  await settled();
  const sent = script.take();
  assert.deepEqual(sent.map(({ type, stream, data }) => [type, stream, textOf(data)]),
    [[FrameType.Payload, 2, 'yes'], [FrameType.Error, 4, 'I will not']]);
  assert.deepEqual(script.asked.map(({ text }) => text), ['q2', 'q4', 'q6']);
});

test('a question in fragments is one, and other interactions are refused', async () => {
  const script = new Script();
  script.take();
  script.hear(...encodeFragments(2, FrameType.RequestResponse, 0, { data: utf8('a long question') }, 4));
  assert.deepEqual(script.asked.map(({ text }) => text), ['a long question']);
  script.hear(encodePayload(4, FrameType.RequestStream, 0, { data: utf8('s') }, 1));
  assert.deepEqual(types(script.take()), [FrameType.Error]);
  script.session.close(new PostroadError('CLOSED', 'x'));
  assert.equal(script.asked[0]!.signal.aborted, true);
});

test('frames nobody waits for are passed over', () => {
  const script = new Script();
  script.take();
  script.hear(payload(7, 'x'), encodeCancel(8), encodePayload(0, FrameType.MetadataPush, 0, { data: utf8('m') }));
  assert.deepEqual(script.take(), []);
  assert.deepEqual(script.closed, []);
});
