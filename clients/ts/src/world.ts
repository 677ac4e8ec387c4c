// What the client uses of where it runs, handed in so that tests can put others in their places.

export type Timer = unknown;

export interface Clock {
  /** Milliseconds of a clock that does not jump. */
  now(): number;
  after(ms: number, task: () => void): Timer;
  cancel(timer: Timer): void;
}

/** The part of a WebSocket that is used; the browser's, Node's from 22 on, and that of npm's `ws` have it. */
export interface Socket {
  binaryType: string;
  readonly bufferedAmount: number;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: any): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string) => Socket;

export interface World {
  readonly clock: Clock;
  /** In [0, 1). */
  random(): number;
  readonly WebSocket: SocketConstructor | undefined;
  readonly fetch: typeof fetch;
  /** Absent where tabs cannot share: Node, and pages that are not secure. */
  readonly locks: LockManager | undefined;
  readonly BroadcastChannel: typeof BroadcastChannel | undefined;
  readonly storage: Storage | undefined;
  /** Where `online`, `offline`, `pagehide`, `pageshow` come; absent in Node. */
  readonly page: EventTarget | undefined;
  /** Where `visibilitychange` comes. */
  readonly document: (EventTarget & { readonly visibilityState: string }) | undefined;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, task) => setTimeout(task, ms),
  cancel: (timer) => clearTimeout(timer as number),
};

// Pages in a sandbox throw when their storage is looked at.
function storage(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

export function realWorld(): World {
  const browser = typeof document !== 'undefined';
  return {
    clock: systemClock,
    random: Math.random,
    WebSocket: globalThis.WebSocket as SocketConstructor | undefined,
    fetch: (input, init) => globalThis.fetch(input, init),
    locks: browser ? navigator.locks : undefined,
    BroadcastChannel: browser ? globalThis.BroadcastChannel : undefined,
    storage: browser ? storage() : undefined,
    page: browser ? globalThis : undefined,
    document: browser ? document : undefined,
  };
}

// Node 18 has no global crypto; names need only differ.
const randomByte = (): number => Math.floor(Math.random() * 256);

/** 128 random bits as hexadecimal digits. (crypto.randomUUID is for secure pages only.) */
export function randomName(): string {
  const bytes = globalThis.crypto?.getRandomValues(new Uint8Array(16)) ?? Array.from({ length: 16 }, randomByte);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
