// Events to post, as JSON of the HTTP API.
import { randomName } from './world.js';

export interface NewEvent {
  readonly topic: string;
  /** Unless given, one is made, and kept when the post is repeated: it is stored once. */
  readonly id?: string;
  /** Any JSON; a string stands for its bytes. */
  readonly payload?: unknown;
  readonly key?: string;
  readonly type?: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly time?: Date;
  /** A time, or text as in "+5m". */
  readonly deliverAt?: Date | string;
  readonly searchKeys?: readonly string[];
}

export interface Posted {
  readonly id: string;
  readonly topic: string;
  /** Absent while it waits for its `deliverAt`. */
  readonly offset?: number;
  readonly duplicate?: boolean;
  readonly scheduled?: boolean;
}

const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));

function eventJson({ payload, contentType, deliverAt, searchKeys, ...event }: NewEvent): object {
  const body = payload instanceof Uint8Array ? { payload_base64: base64(payload) } : { payload };
  const names = { content_type: contentType, deliver_at: deliverAt, search_keys: searchKeys };
  return { id: randomName(), ...event, ...body, ...names };
}

export const postJson = (events: readonly NewEvent[]): string => JSON.stringify({ events: events.map(eventJson) });
