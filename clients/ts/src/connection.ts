// Keeps a link to the server: attempts, waits, the choice between WebSocket and server-sent events,
// and the place from which the next link goes on. The application above sees one stream of items.
import { asError, isFinal, lost, PostroadError, refusesCursor } from './error.js';
import { itemOf, type Item, type Line } from './item.js';
import type { Asked, From, Link, LinkEvents, LinkOptions, OpenLink, Start, Transport } from './link.js';
import type { Bytes } from './bytes.js';
import { Place } from './place.js';
import { Waits, type Backoff } from './backoff.js';
import { next, type State, type Transition } from './state.js';
import type { Timer } from './world.js';

export interface ConnectionOptions {
  readonly link: Omit<LinkOptions, 'token'>;
  readonly token: (() => string | undefined | Promise<string | undefined>) | undefined;
  readonly freshTokens: boolean;
  readonly start: Start | undefined;
  /** Transports in the order of preference. */
  readonly open: Partial<Record<Transport, OpenLink>>;
  readonly backoff: Backoff;
  readonly connectMs: number;
  /** How long a second-best transport serves before the best is tried again; doubled each time. */
  readonly upgradeMs: number;
  /** Items that may wait for the application. */
  readonly window: number;
}

export interface Status {
  readonly state: State;
  readonly transport?: Transport | undefined;
  /** Why it is not connected. */
  readonly error?: PostroadError | undefined;
}

export interface ConnectionEvents {
  item(item: Item): void;
  status(status: Status): void;
  asked(question: Asked): Promise<Bytes>;
}

// A link that is being opened, or is up.
interface Attempt {
  link: Link | undefined;
  readonly up: Promise<void>;
  readonly down: Promise<PostroadError>;
}

export class Connection {
  private current: Status = { state: 'Disconnected' };
  private place: Place;
  private link: Link | undefined;
  private readonly waits: Waits;
  private stopped: PostroadError | undefined;
  private wakeUp: (() => void) | undefined;
  // All that were opened and have not ended: besides `link` one that is on its way, at most.
  private readonly links = new Set<Link>();
  private upgradeTimer: Timer;
  private upgraded: Promise<PostroadError> | undefined;
  private upgradeWait: number;
  private websocketWorked = false;
  // Items above that were not given back by taken().
  private held = 0;
  private readonly whenUp = new Set<() => void>();

  constructor(
    private readonly options: ConnectionOptions, cursor: string | undefined, private readonly events: ConnectionEvents,
  ) {
    this.place = new Place(cursor);
    this.waits = new Waits(options.backoff, options.link.world.random);
    this.upgradeWait = options.upgradeMs;
    void this.run();
  }

  get status(): Status {
    return this.current;
  }

  /** Behind the newest item. */
  get cursor(): string | undefined {
    return this.place.cursor;
  }

  /** The application is done with so many items. */
  taken(items: number): void {
    this.held -= items;
    this.link?.grant(items);
  }

  /** Reads again from an earlier place. */
  rewind(cursor: string): void {
    this.place = new Place(cursor);
    // One that is on its way was asked for what follows the later place.
    for (const link of this.links) link.read({ cursor }, this.credit());
  }

  /** The network or the page came back: to try now, or to look whether the connection is alive. */
  wake(): void {
    this.waits.reset();
    this.wakeUp?.();
    this.link?.probe();
  }

  /** The network may be gone. */
  doubt(): void {
    this.link?.probe();
  }

  stop(error: PostroadError): void {
    if (this.stopped) return;
    this.stopped = error;
    this.wakeUp?.();
    for (const link of this.links) link.close(error);
    this.set('end', error);
    this.resume();
  }

  /** Waits for a connection where there is none, and goes over to the next if one breaks; until the signal. */
  async call(route: string, body: string, signal: AbortSignal): Promise<string> {
    for (;;) {
      const link = await this.connected(signal);
      try {
        return await untilAborted(link.call(route, body, signal), signal);
      } catch (error) {
        if (error instanceof PostroadError && error.reason !== 'CONNECTION_LOST') throw error;
        if (link === this.link) await untilAborted(this.sleep(this.options.backoff.base), signal);
      }
    }
  }

  /** False: there is no connection, so nobody was told. */
  tell(route: string, body: string): boolean {
    this.link?.tell(route, body);
    return this.link !== undefined;
  }

  private async connected(signal: AbortSignal): Promise<Link> {
    while (!this.link) {
      if (this.stopped) throw this.stopped;
      const up = new Promise<void>((resolve) => this.whenUp.add(resolve));
      await untilAborted(up, signal);
    }
    return this.link;
  }

  private resume(): void {
    const waiting = [...this.whenUp];
    this.whenUp.clear();
    for (const resolve of waiting) resolve();
  }

  private set(transition: Transition, error?: PostroadError): void {
    const state = next(this.current.state, transition);
    if (state === this.current.state) return;
    this.current = { state, transport: this.link?.transport, error };
    this.events.status(this.current);
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      this.set('attempt');
      const error = await this.connect().catch(asError);
      if (this.stopped) return;
      if (refusesCursor(error)) this.forget(error);
      if (isFinal(error, this.options.freshTokens)) return this.stop(error);
      this.set('lose', error);
      await this.pause(this.waits.next());
    }
  }

  // The server cannot read the cursor: it is somebody else's, or damaged.
  private forget(error: PostroadError): void {
    const item: Item = { kind: 'cursorRefused', reason: error.message };
    this.place.admit(item);
    this.pass(item);
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.options.link.world.clock.after(ms, resolve));
  }

  // Until the next attempt, unless it is woken.
  private pause(ms: number): Promise<void> {
    const { clock } = this.options.link.world;
    return new Promise((resolve) => {
      const timer = clock.after(ms, resolve);
      this.wakeUp = () => {
        clock.cancel(timer);
        resolve();
      };
    });
  }

  // One attempt, by each transport in turn; ends with why the link ended.
  private async connect(): Promise<PostroadError> {
    const token = await this.options.token?.();
    let error = new PostroadError('NO_TRANSPORT', 'there is no WebSocket here: give one as an option, or allow sse');
    for (const transport of Object.keys(this.options.open) as Transport[]) {
      if (this.stopped) return this.stopped;
      const attempt = this.open(transport, token);
      try {
        await attempt.up;
      } catch (failed) {
        error = asError(failed);
        if (!this.goesOn(error)) return error;
        continue;
      }
      return this.follow(attempt.link!, attempt.down, token);
    }
    return error;
  }

  // Whether another transport may do better: not if the server itself said no. Where WebSocket
  // worked before, the server is rather down than the way blocked; so once it is waited for.
  private goesOn(error: PostroadError): boolean {
    if (error.fromServer) return false;
    const worked = this.websocketWorked;
    this.websocketWorked = false;
    return !worked;
  }

  private async follow(link: Link, down: Promise<PostroadError>, token: string | undefined): Promise<PostroadError> {
    this.link = link;
    this.waits.reset();
    if (link.transport === 'websocket') this.websocketWorked = true;
    this.set('establish');
    this.resume();
    this.scheduleUpgrade(token);
    let ended = await down;
    // While it was up, a better link may have taken its place.
    while (this.link && this.link !== link && !this.stopped) {
      link = this.link;
      ended = await this.upgraded!;
    }
    this.options.link.world.clock.cancel(this.upgradeTimer);
    this.link = undefined;
    return ended;
  }

  private scheduleUpgrade(token: string | undefined): void {
    const best = Object.keys(this.options.open)[0] as Transport;
    if (this.link?.transport === best) {
      this.upgradeWait = this.options.upgradeMs;
      return;
    }
    const { clock } = this.options.link.world;
    const before = this.link;
    this.upgradeTimer = clock.after(this.upgradeWait, () => {
      this.upgradeWait = Math.min(this.upgradeWait * 2, 600_000);
      const attempt = this.open(best, token, () => {
        if (this.stopped || this.link !== before) attempt.link?.close(lost('not needed any more'));
        else this.upgrade(attempt, before!);
      });
      attempt.up.catch(() => {
        if (!this.stopped && this.link === before) this.scheduleUpgrade(token);
      });
    });
  }

  // At once, so that no line comes by both: the better link reads anew from where the other got to.
  private upgrade({ link, down }: Attempt, before: Link): void {
    this.link = link;
    this.upgraded = down;
    this.websocketWorked = true;
    this.current = { ...this.current, transport: link!.transport };
    before.close(lost('a better connection took its place'));
    if (this.place.cursor !== undefined) link!.read({ cursor: this.place.cursor }, this.credit());
    this.events.status(this.current);
  }

  private credit(): number {
    return Math.max(1, this.options.window - this.held);
  }

  private open(transport: Transport, token: string | undefined, whenUp?: () => void): Attempt {
    const { clock } = this.options.link.world;
    let link: Link | undefined;
    let isUp = false;
    let opened!: () => void;
    let failed!: (error: PostroadError) => void;
    let ended!: (error: PostroadError) => void;
    const up = new Promise<void>((resolve, reject) => { opened = resolve; failed = reject; });
    const down = new Promise<PostroadError>((resolve) => { ended = resolve; });
    const timer = clock.after(this.options.connectMs, () => link?.close(lost('no answer in time')));
    const events: LinkEvents = {
      line: (line) => {
        clock.cancel(timer);
        if (!isUp) {
          isUp = true;
          whenUp?.();
        }
        if (link && this.links.has(link)) this.take(link, line);
        opened();
      },
      asked: (question) => this.events.asked(question),
      closed: (error) => {
        clock.cancel(timer);
        this.links.delete(link!);
        failed(error);
        ended(error);
      },
    };
    const from: From = this.place.cursor === undefined ? this.options.start : { cursor: this.place.cursor };
    link = this.options.open[transport]!({ ...this.options.link, token }, from, this.credit(), events);
    this.links.add(link);
    return { link, up, down };
  }

  private take(link: Link, line: Line): void {
    const item = itemOf(line);
    if (!item || ('opened' in line && this.place.cursor !== undefined) || !this.place.follow(item)) {
      link.grant(1);
      return;
    }
    this.pass(item);
  }

  private pass(item: Item): void {
    this.held++;
    this.events.item(item);
  }
}

export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
