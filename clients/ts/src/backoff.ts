// How long to wait between attempts.

export interface Backoff {
  /** The first wait, in milliseconds; doubled after each attempt. */
  readonly base: number;
  readonly max: number;
  /** Each wait is spread by ± this part of itself, so that not all come back at once. */
  readonly jitter: number;
}

export const defaultBackoff: Backoff = { base: 200, max: 30_000, jitter: 0.2 };

export class Waits {
  private wait: number;

  constructor(private readonly backoff: Backoff, private readonly random: () => number) {
    this.wait = backoff.base;
  }

  next(): number {
    const spread = 1 + this.backoff.jitter * (2 * this.random() - 1);
    const wait = this.wait * spread;
    this.wait = Math.min(this.wait * 2, this.backoff.max);
    return wait;
  }

  reset(): void {
    this.wait = this.backoff.base;
  }
}
