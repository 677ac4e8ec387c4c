// What can be set, and what holds where it is not.
import { defaultBackoff, type Backoff } from './backoff.js';
import type { ConnectionOptions } from './connection.js';
import { memoryCursors, storageCursors, type CursorStore } from './cursors.js';
import { PostroadError } from './error.js';
import type { OpenLink, Start, Transport } from './link.js';
import type { Notice, PostroadEvent } from './message.js';
import type { Status } from './connection.js';
import { openSse } from './sse_link.js';
import { openWebSocket } from './websocket_link.js';
import { realWorld, type SocketConstructor, type World } from './world.js';

export interface Question<T = unknown> {
  readonly route: string;
  /** JSON's value, or else the text. */
  readonly payload: T;
  /** Aborts when the answer is not waited for any more: another answered, or the time is up. */
  readonly signal: AbortSignal;
}

export interface Options<T = unknown> {
  /** The server: "https://events.example". In a browser the page's own unless given. */
  url?: string;
  /** Whose notifications. */
  user?: string;
  /** An API key or JWT, or what gives one for each attempt. */
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /** "notifications.stream" unless given. */
  route?: string;
  /** The topic behind the route, which server-sent events read. "user/<user>" unless given. */
  topic?: string;
  /** Where to begin when no cursor is kept. The end unless given, or what the server's route says. */
  start?: Start;
  /** Called in order; the next event waits for what it returns. Without it, loop over the client. */
  onEvent?: (event: PostroadEvent<T>) => unknown;
  /** Beside `onEvent`; a loop has notices among its messages. */
  onNotice?: (notice: Notice) => unknown;
  /** Answers the server's questions: what it returns is the answer, what it throws the refusal. */
  onQuestion?: (question: Question) => unknown;
  onState?: (status: Status) => void;
  /** What `onEvent` threw, and what a cursor store did. Unless given, it goes to the console. */
  onError?: (error: unknown) => void;
  /**
   * "auto" (unless given): what `onEvent` or the loop is done with is acked, what `onEvent` throws is
   * failed, unless it did either itself. "manual": only what you ack.
   */
  ack?: 'auto' | 'manual';
  /** Where the place is kept. In a browser localStorage, elsewhere memory, unless given. */
  cursors?: CursorStore;
  /** "shared" (unless given, where the browser can): all tabs of a user have one connection. */
  tabs?: 'shared' | 'own';
  /** "auto" unless given: WebSocket, and server-sent events where it is blocked. */
  transport?: 'auto' | Transport;
  /** For Node before 22: that of npm's "ws". */
  WebSocket?: unknown;
  /** Milliseconds. */
  backoff?: Partial<Backoff>;
  keepAliveMs?: number;
  lifetimeMs?: number;
  connectMs?: number;
  probeMs?: number;
  upgradeMs?: number;
  /** The longest wait for the answer of an ack, a post or presence(). */
  callMs?: number;
  /** Events that may wait for the application. */
  window?: number;
  /** Of RSocket at the server. */
  path?: string;
}

export interface Settings {
  readonly connection: ConnectionOptions;
  readonly cursors: CursorStore;
  readonly shared: boolean;
  /** Names what tabs share, and what is kept. */
  readonly key: string;
  readonly callMs: number;
  readonly window: number;
}

function invalid(option: string, why: string): PostroadError {
  return new PostroadError('INVALID_OPTION', `${option} ${why}`);
}

function serverOf(url: string | undefined): string {
  const text = url ?? globalThis.location?.origin;
  if (!text) throw invalid('url', 'must name the server, as in "http://localhost:7400"');
  try {
    return new URL(text.replace(/^ws/, 'http')).origin;
  } catch {
    throw invalid('url', `is none: "${text}"`);
  }
}

function transports(options: Options<any>, world: World): Partial<Record<Transport, OpenLink>> {
  const { transport = 'auto' } = options;
  const open: Partial<Record<Transport, OpenLink>> = {};
  if (transport !== 'sse' && world.WebSocket) open.websocket = openWebSocket;
  if (transport !== 'websocket') open.sse = openSse;
  if (Object.keys(open).length === 0) {
    throw invalid('WebSocket', 'must be given: there is none here (npm install ws)');
  }
  return open;
}

function positive(options: Options<any>, name: keyof Options, unless: number): number {
  const value = (options[name] ?? unless) as number;
  if (!(value > 0 && value <= 0x7fffffff)) throw invalid(name, `must be a number above 0, not ${value}`);
  return value;
}

export function settle(options: Options<any>, given?: World): Settings {
  const found = given ?? realWorld();
  const world: World = { ...found, WebSocket: (options.WebSocket as SocketConstructor | undefined) ?? found.WebSocket };
  const url = serverOf(options.url);
  const { user, route = 'notifications.stream', token } = options;
  const key = `postroad:${url} ${route} ${user ?? ''}`;
  const window = positive(options, 'window', 256);
  return {
    key, window,
    callMs: positive(options, 'callMs', 30_000),
    cursors: options.cursors ?? (world.storage ? storageCursors(world.storage, key) : memoryCursors()),
    shared: options.tabs !== 'own' && !!world.locks && !!world.BroadcastChannel,
    connection: {
      link: {
        url, path: options.path ?? '/rsocket', user, route, topic: options.topic, world,
        keepAliveMs: positive(options, 'keepAliveMs', 15_000),
        lifetimeMs: positive(options, 'lifetimeMs', 45_000),
        probeMs: positive(options, 'probeMs', 3_000),
      },
      token: typeof token === 'function' ? token : token === undefined ? undefined : () => token,
      freshTokens: typeof token === 'function',
      start: options.start,
      open: transports(options, world),
      backoff: { ...defaultBackoff, ...options.backoff },
      connectMs: positive(options, 'connectMs', 10_000),
      upgradeMs: positive(options, 'upgradeMs', 30_000),
      window,
    },
  };
}
