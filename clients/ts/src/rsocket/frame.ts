// RSocket 1.0 frames as bytes, one a WebSocket message: those that a client sends and hears.
// Knows no connection and no clock. docs/formats/rsocket.md has each frame byte by byte.
import { ByteReader, concat, noBytes, number, utf8, type Bytes } from '../bytes.js';

export const enum FrameType {
  Setup = 0x01,
  Lease = 0x02,
  KeepAlive = 0x03,
  RequestResponse = 0x04,
  RequestFnf = 0x05,
  RequestStream = 0x06,
  RequestChannel = 0x07,
  RequestN = 0x08,
  Cancel = 0x09,
  Payload = 0x0a,
  Error = 0x0b,
  MetadataPush = 0x0c,
  Resume = 0x0d,
  ResumeOk = 0x0e,
  Ext = 0x3f,
}

export const enum Flag {
  Ignore = 0x200,
  Metadata = 0x100,
  Follows = 0x80,
  Respond = 0x80,
  Complete = 0x40,
  Next = 0x20,
}

export const enum ErrorCode {
  InvalidSetup = 0x001,
  RejectedSetup = 0x003,
  ConnectionError = 0x101,
  ConnectionClose = 0x102,
  ApplicationError = 0x201,
  Rejected = 0x202,
  Canceled = 0x203,
  Invalid = 0x204,
}

/** Counts as unbounded. */
export const maxRequestN = 0x7fffffff;

export interface Payload {
  readonly data: Bytes;
  readonly metadata?: Bytes | undefined;
}

export interface Frame extends Payload {
  readonly type: FrameType;
  readonly stream: number;
  readonly flags: number;
  /** Request-N of a request or REQUEST_N, code of an ERROR, position of a KEEPALIVE; else 0. */
  readonly value: number;
}

export interface Setup extends Payload {
  readonly keepAliveMs: number;
  readonly lifetimeMs: number;
  readonly metadataMime: string;
  readonly dataMime: string;
}

function frame(stream: number, type: FrameType, flags: number, ...body: Bytes[]): Bytes {
  return concat([number(stream, 4), number((type << 10) | flags, 2), ...body]);
}

function body({ data, metadata }: Payload): Bytes[] {
  return metadata ? [number(metadata.length, 3), metadata, data] : [data];
}

const metadataFlag = ({ metadata }: Payload): number => (metadata ? Flag.Metadata : 0);

function mime(name: string): Bytes {
  const bytes = utf8(name);
  return concat([number(bytes.length, 1), bytes]);
}

export function encodeSetup(setup: Setup): Bytes {
  return frame(
    0, FrameType.Setup, metadataFlag(setup), number(0x00010000, 4), number(setup.keepAliveMs, 4),
    number(setup.lifetimeMs, 4), mime(setup.metadataMime), mime(setup.dataMime), ...body(setup),
  );
}

export function encodeKeepAlive(respond: boolean, data: Bytes = noBytes, position = 0): Bytes {
  return frame(0, FrameType.KeepAlive, respond ? Flag.Respond : 0, number(position, 8), data);
}

export const encodeRequestN = (stream: number, n: number): Bytes => frame(stream, FrameType.RequestN, 0, number(n, 4));

export const encodeCancel = (stream: number): Bytes => frame(stream, FrameType.Cancel, 0);

export const encodeError = (stream: number, code: number, message: string): Bytes =>
  frame(stream, FrameType.Error, 0, number(code, 4), utf8(message));

/** A request or PAYLOAD that fits into one frame. `n`: only of a stream. */
export function encodePayload(stream: number, type: FrameType, flags: number, payload: Payload, n?: number): Bytes {
  return frame(
    stream, type, flags | metadataFlag(payload), n === undefined ? noBytes : number(n, 4), ...body(payload),
  );
}

/**
 * The frames of a message, none with more than `most` bytes of metadata and data. Metadata is
 * complete before data begins; PAYLOADs that go on have Next.
 */
export function encodeFragments(
  stream: number, type: FrameType, flags: number, payload: Payload, most: number, n?: number,
): Bytes[] {
  const { data } = payload;
  const metadata = payload.metadata ?? noBytes;
  const whole = metadata.length + data.length;
  if (whole <= most) return [encodePayload(stream, type, flags, payload, n)];
  const frames: Bytes[] = [];
  for (let at = 0; at < whole; at += most) {
    const piece: Payload = {
      metadata: payload.metadata && at < metadata.length ? metadata.subarray(at, at + most) : undefined,
      data: data.subarray(Math.max(0, at - metadata.length), Math.max(0, at + most - metadata.length)),
    };
    const first = at === 0;
    const last = at + most >= whole;
    const ending = last ? flags & Flag.Complete : Flag.Follows;
    frames.push(encodePayload(
      stream, first ? type : FrameType.Payload, ending | (first && type !== FrameType.Payload ? 0 : Flag.Next), piece,
      first ? n : undefined,
    ));
  }
  return frames;
}

function valueSize(type: FrameType): number {
  switch (type) {
    case FrameType.KeepAlive:
      return 8;
    case FrameType.RequestStream:
    case FrameType.RequestChannel:
    case FrameType.RequestN:
    case FrameType.Error:
      return 4;
    default:
      return 0;
  }
}

/** Throws a RangeError for what is too short. The frame shares the bytes' memory. */
export function decodeFrame(bytes: Bytes): Frame {
  const reader = new ByteReader(bytes);
  const stream = reader.number(4) & 0x7fffffff;
  const head = reader.number(2);
  const type = head >> 10;
  const flags = head & 0x3ff;
  const value = reader.number(valueSize(type));
  let metadata: Bytes | undefined;
  // In METADATA_PUSH the metadata is all there is, and has no length.
  if (type === FrameType.MetadataPush) metadata = reader.rest();
  else if (flags & Flag.Metadata && type !== FrameType.Lease) metadata = reader.take(reader.number(3));
  return { type, stream, flags, value, metadata, data: reader.rest() };
}
