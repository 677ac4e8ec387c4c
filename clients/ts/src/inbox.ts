// What waits for the application: bounded, taken one by one, in order.

export class Inbox<T> {
  private readonly items: T[] = [];
  private waiting: ((item: T | undefined) => void) | undefined;
  private end: { error: Error | undefined } | undefined;

  constructor(private readonly limit: number) {}

  get empty(): boolean {
    return this.items.length === 0;
  }

  /** False: it is full, and the item is not in it. */
  push(item: T): boolean {
    if (this.waiting) {
      const give = this.waiting;
      this.waiting = undefined;
      give(item);
      return true;
    }
    if (this.items.length >= this.limit) return false;
    this.items.push(item);
    return true;
  }

  /** Undefined at the end; an error if it ended with one. One caller at a time. */
  next(): Promise<T | undefined> {
    if (this.items.length > 0) return Promise.resolve(this.items.shift());
    if (this.end) return this.end.error ? Promise.reject(this.end.error) : Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.waiting = (item) => (item === undefined && this.end?.error ? reject(this.end.error) : resolve(item));
    });
  }

  close(error?: Error): void {
    if (this.end) return;
    this.end = { error };
    this.waiting?.(undefined);
    this.waiting = undefined;
  }
}
