// Where a client keeps its place while it is away.
import type { Clock, Timer } from './world.js';

export interface CursorStore {
  /** Null: none was kept. */
  load(): string | null | undefined | Promise<string | null | undefined>;
  save(cursor: string): void | Promise<void>;
}

/** For as long as the program runs. */
export function memoryCursors(): CursorStore {
  let kept: string | undefined;
  return { load: () => kept, save: (cursor) => { kept = cursor; } };
}

/** In the browser's localStorage or sessionStorage. */
export const storageCursors = (storage: Storage, key: string): CursorStore => ({
  load: () => storage.getItem(key),
  save: (cursor) => storage.setItem(key, cursor),
});

const everyMs = 100;

/** Saves the newest cursor, at most every 100 ms. What a store refuses, it is asked again with the next. */
export class CursorSaver {
  private pending: string | undefined;
  private timer: Timer;

  constructor(
    private readonly store: CursorStore, private readonly clock: Clock,
    private readonly failed: (error: unknown) => void,
  ) {}

  save(cursor: string): void {
    this.pending = cursor;
    this.timer ??= this.clock.after(everyMs, () => void this.flush());
  }

  async flush(): Promise<void> {
    this.clock.cancel(this.timer);
    this.timer = undefined;
    const cursor = this.pending;
    this.pending = undefined;
    if (cursor === undefined) return;
    try {
      await this.store.save(cursor);
    } catch (error) {
      this.failed(error);
    }
  }
}
