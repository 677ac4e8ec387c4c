// What carries a client's events: one connection to the server, RSocket on WebSocket or server-sent
// events. It lives once and says when it ended; src/connection.ts makes the next one.
import type { Bytes } from './bytes.js';
import type { PostroadError } from './error.js';
import type { Line } from './item.js';
import type { World } from './world.js';

export type Transport = 'websocket' | 'sse';

/** Where reading begins. */
export type Start = 'beginning' | 'end' | { readonly last: number };
export type From = { readonly cursor: string } | Start | undefined;

/** What the server asks; `body` as it was posted. */
export interface Asked {
  readonly route: string;
  readonly body: Bytes;
  readonly signal: AbortSignal;
}

export interface LinkEvents {
  /** Each takes one of the credit. The first is `opened`, or else the link is not up. */
  line(line: Line): void;
  asked(question: Asked): Promise<Bytes>;
  /** Once, after which nothing comes any more. */
  closed(error: PostroadError): void;
}

export interface Link {
  readonly transport: Transport;
  /** Begins to read anew, from elsewhere: nothing more comes of what was read until now. */
  read(from: From, credit: number): void;
  /** Lets so many more lines come. */
  grant(lines: number): void;
  /** A request to a route of docs/rsocket.md, and the text of its answer. */
  call(route: string, body: string, signal: AbortSignal): Promise<string>;
  /** The same without an answer. */
  tell(route: string, body: string): void;
  /** Ends with an error unless the server shows soon that it is there. */
  probe(): void;
  /** Ends it; `closed` hears of it. */
  close(error: PostroadError): void;
}

export interface LinkOptions {
  /** Of the server: `https://events.example`. */
  readonly url: string;
  /** Of RSocket: `/rsocket`. */
  readonly path: string;
  readonly user: string | undefined;
  readonly route: string;
  readonly topic: string | undefined;
  readonly token: string | undefined;
  readonly keepAliveMs: number;
  readonly lifetimeMs: number;
  readonly probeMs: number;
  readonly world: World;
}

export type OpenLink = (options: LinkOptions, from: From, credit: number, events: LinkEvents) => Link;
