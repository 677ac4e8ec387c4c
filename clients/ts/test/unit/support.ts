// A clock that tests move, and bytes as docs/formats writes them.
import { readFileSync } from 'node:fs';
import type { Clock, Timer, World } from '../../src/world.js';

/** Lets all that is ready run. */
export const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

export class ManualClock implements Clock {
  private time = 0;
  private timers: { at: number; task: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(ms: number, task: () => void): Timer {
    const timer = { at: this.time + ms, task };
    this.timers.push(timer);
    return timer;
  }

  cancel(timer: Timer): void {
    this.timers = this.timers.filter((one) => one !== timer);
  }

  get waiting(): number {
    return this.timers.length;
  }

  /** Runs what comes due, in its order, each at its time. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      await settled();
      const due = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.cancel(due);
      this.time = Math.max(this.time, due.at);
      due.task();
    }
    this.time = end;
    await settled();
  }
}

export function testWorld(clock: Clock, more: Partial<World> = {}): World {
  return {
    clock, random: () => 0.5, WebSocket: undefined, fetch: () => Promise.reject(new Error('no network here')),
    locks: undefined, BroadcastChannel: undefined, storage: undefined, page: undefined, document: undefined, ...more,
  };
}

/** The bytes of the ```hex blocks of a page of docs/formats, by name: those that the server's tests read too. */
export function goldenBytes(page: string): Map<string, Uint8Array> {
  const text = readFileSync(`../../docs/formats/${page}`, 'utf8');
  const blocks = new Map<string, Uint8Array>();
  for (const [, name, body] of text.matchAll(/```hex (\S+)\n([^]*?)```/g)) {
    const digits = body!.replace(/#.*$/gm, '').replace(/\s/g, '');
    blocks.set(name!, Uint8Array.from(Buffer.from(digits, 'hex')));
  }
  return blocks;
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
