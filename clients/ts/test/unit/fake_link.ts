// Links that a test plays the server of.
import type { PostroadError } from '../../src/error.js';
import { lost } from '../../src/error.js';
import type { From, Link, LinkEvents, LinkOptions, OpenLink, Transport } from '../../src/link.js';

export function cursorAt(next: number, epoch = '0123456789abcdef'): string {
  return Buffer.concat([
    Buffer.from([1]), Buffer.from(epoch, 'hex'), Buffer.from('e52ffdee', 'hex'), Buffer.from([next]), Buffer.alloc(4),
  ]).toString('base64url');
}

export class FakeLink implements Link {
  readonly reads: { from: From; credit: number }[] = [];
  readonly calls: { route: string; body: string; answer(text: string): void; fail(error: PostroadError): void }[] = [];
  readonly told: string[] = [];
  granted = 0;
  probes = 0;
  ended = false;

  constructor(
    readonly transport: Transport, readonly options: LinkOptions, from: From, credit: number,
    private readonly events: LinkEvents,
  ) {
    this.read(from, credit);
  }

  read(from: From, credit: number): void {
    this.reads.push({ from, credit });
  }
  grant(lines: number): void {
    this.granted += lines;
  }
  call(route: string, body: string): Promise<string> {
    return new Promise((answer, fail) => this.calls.push({ route, body, answer, fail }));
  }
  tell(_: string, body: string): void {
    this.told.push(body);
  }
  probe(): void {
    this.probes++;
  }
  close(error: PostroadError): void {
    if (this.ended) return;
    this.ended = true;
    for (const { fail } of this.calls) fail(error);
    this.events.closed(error);
  }

  // --- What the server does ---

  open(next = 0): void {
    this.events.line({ opened: {}, cursor: cursorAt(next) });
  }
  /** Events of these offsets. */
  send(...offsets: number[]): void {
    for (const offset of this.ended ? [] : offsets) {
      const event = { topic: 'user/u', offset, id: `id-${offset}`, stored_at: '2026-01-31T08:00:00Z', payload: offset };
      this.events.line({ ...event, cursor: cursorAt(offset + 1) });
    }
  }
  line(line: object): void {
    this.events.line(line as any);
  }
  ask(body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return this.events.asked({ route: 'postroad.question', body, signal });
  }
  cut(): void {
    this.close(lost('cut'));
  }
}

/** Opens fake links and keeps them, the newest last. */
export class FakeServer {
  readonly links: FakeLink[] = [];

  open(transport: Transport): OpenLink {
    return (options, from, credit, events) => {
      const link = new FakeLink(transport, options, from, credit, events);
      this.links.push(link);
      return link;
    };
  }

  get last(): FakeLink {
    return this.links[this.links.length - 1]!;
  }
}
