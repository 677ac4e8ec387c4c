// What an application gets: events, and notices of what a stream has to tell beside them.
import { fromBase64 } from './bytes.js';
import type { EventLine, Item } from './item.js';

export interface PostroadEvent<T = unknown> {
  readonly kind: 'event';
  readonly id: string;
  readonly topic: string;
  readonly offset: number;
  /** Where to go on behind this event. */
  readonly cursor: string;
  readonly storedAt: Date;
  readonly time: Date | undefined;
  readonly key: string | undefined;
  readonly type: string | undefined;
  readonly contentType: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON's value where the event holds JSON; else its text; a Uint8Array where it is not UTF-8. */
  readonly payload: T;
  /** Tells who posted that it was handled, with a reply if you like (any JSON). */
  ack(reply?: unknown): Promise<void>;
  /** Tells who posted that it could not be handled. */
  fail(reason: string): Promise<void>;
}

/** Offsets from `first` up to but without `end` were lost to retention before they could be read. */
export interface Gap {
  readonly kind: 'gap';
  readonly topic: string | undefined;
  readonly first: number;
  readonly end: number;
}

/** The log began anew (it was restored, or the topic deleted): reading goes on from its oldest event. */
export interface EpochChanged {
  readonly kind: 'epochChanged';
  readonly before: string;
  readonly now: string;
}

/** The server cannot go on from the cursor that was kept: reading goes on from where `start` says. */
export interface CursorRefused {
  readonly kind: 'cursorRefused';
  readonly reason: string;
}

export type Notice = Gap | EpochChanged | CursorRefused;
export type Message<T = unknown> = PostroadEvent<T> | Notice;

/** What the browser did with an event: docs/rsocket.md, "Acks". */
export interface Ack {
  readonly topic: string;
  readonly offset: number;
  readonly reply?: unknown;
  readonly failed?: string;
}

export type SendAck = (ack: Ack) => Promise<void>;

const date = (text: string | undefined): Date | undefined => (text === undefined ? undefined : new Date(text));

export function toEvent<T>(line: EventLine, cursor: string, send: SendAck): PostroadEvent<T> {
  const { topic, offset } = line;
  const payload = line.payload_base64 === undefined ? line.payload : fromBase64(line.payload_base64);
  return {
    kind: 'event', topic, offset, cursor, id: line.id, storedAt: new Date(line.stored_at), time: date(line.time),
    key: line.key, type: line.type, contentType: line.content_type, headers: line.headers ?? {},
    payload: payloadOf(payload, line.content_type) as T,
    ack: (reply) => send(reply === undefined ? { topic, offset } : { topic, offset, reply }),
    fail: (reason) => send({ topic, offset, failed: reason }),
  };
}

// What is posted without a type comes as text, though much of it is JSON.
function payloadOf(payload: unknown, contentType: string | undefined): unknown {
  if (typeof payload !== 'string') return payload ?? '';
  if (!(contentType ? /[/+]json\b/ : /^[{[]/).test(contentType || payload)) return payload;
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}

/** Undefined: there is nothing to tell an application. */
export function toMessage<T>(item: Item, send: SendAck): Message<T> | undefined {
  if (item.kind === 'position') return undefined;
  return item.kind === 'event' ? toEvent<T>(item.line, item.cursor, send) : item;
}
