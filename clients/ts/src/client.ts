// The client: what the application holds. Takes items one by one, gives them to it as messages,
// keeps the place behind what it is done with.
import { utf8, textOf, type Bytes } from './bytes.js';
import { untilAborted, type Status } from './connection.js';
import { CursorSaver, type CursorStore } from './cursors.js';
import { PostroadError } from './error.js';
import { Inbox } from './inbox.js';
import type { Item } from './item.js';
import type { Asked, Transport } from './link.js';
import { toMessage, type Ack, type Message, type PostroadEvent } from './message.js';
import { settle, type Options, type Settings } from './options.js';
import { Place } from './place.js';
import { postJson, type NewEvent, type Posted } from './post.js';
import { ownConnection, type MakeSource, type Source } from './source.js';
import type { State } from './state.js';
import { sharedConnection } from './tabs.js';
import type { World } from './world.js';

export interface Presence {
  readonly connection: string;
  readonly user: string;
  readonly transport: string;
  readonly peer: string;
  readonly since: Date;
}

export interface Client<T = unknown> extends AsyncIterable<Message<T>> {
  readonly state: State;
  readonly status: Status;
  /** What it is connected by. */
  readonly transport: Transport | undefined;
  /** Whether this tab has the connection that the tabs share. */
  readonly leads: boolean;
  /** Behind the newest message that the application is done with. */
  readonly cursor: string | undefined;
  /** Hears of each change of state; call what it returns to hear no more. */
  onState(listener: (status: Status) => void): () => void;
  /** Stored when it returns. Repeated over lost connections with the same ids. */
  post(events: NewEvent | readonly NewEvent[]): Promise<Posted[]>;
  /** Who is connected; of this client's own user unless given. */
  presence(user?: string): Promise<Presence[]>;
  /** Ends it: loops over it end, the place is kept. */
  close(): Promise<void>;
}

class PostroadClient<T> implements Client<T> {
  private readonly settings: Settings;
  private readonly inbox: Inbox<Item>;
  private readonly listeners = new Set<(status: Status) => void>();
  private readonly saver: CursorSaver;
  private readonly make: MakeSource;
  private source: Source | undefined;
  private tellBegun!: () => void;
  private readonly begun = new Promise<void>((resolve) => { this.tellBegun = resolve; });
  private current: Status = { state: 'Connecting' };
  private readonly done = new Place();
  private atHand: Item | undefined;
  private looping = false;
  private away = false; // the page is hidden for good, or until it is shown again
  private readonly leave = new AbortController();

  constructor(private readonly options: Options<T>, world?: World) {
    this.settings = settle(options, world);
    const { connection, window, cursors, key, shared } = this.settings;
    // Besides events there are notices and places, which wait here too.
    this.inbox = new Inbox(window * 2);
    this.saver = new CursorSaver(cursors, connection.link.world.clock, (error) => this.complain(error));
    const stored = async (): Promise<string | undefined> => (await this.load(cursors)) || undefined;
    this.make = shared ? sharedConnection(key, connection, stored) : ownConnection(connection);
    if (options.onState) this.listeners.add(options.onState);
    // Later, so that the application's handlers find the client that this makes. Of tabs that share,
    // only one needs what is kept.
    void (shared ? Promise.resolve(undefined) : stored()).then((cursor) => this.begin(cursor));
    this.listenToPage(connection.link.world);
    if (options.onEvent) void this.pump();
  }

  get state(): State {
    return this.current.state;
  }

  get status(): Status {
    return this.current;
  }

  get transport(): Transport | undefined {
    return this.current.transport;
  }

  get leads(): boolean {
    return this.source?.leads ?? false;
  }

  get cursor(): string | undefined {
    return this.done.cursor;
  }

  onState(listener: (status: Status) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async post(events: NewEvent | readonly NewEvent[]): Promise<Posted[]> {
    const many = (Array.isArray(events) ? events : [events]) as readonly NewEvent[];
    return JSON.parse(await this.call('postroad.post', postJson(many))).results;
  }

  async presence(user?: string): Promise<Presence[]> {
    const answer = JSON.parse(await this.call('postroad.presence', user === undefined ? '' : JSON.stringify({ user })));
    return answer.connections.map((one: any) => ({ ...one, since: new Date(one.since) }));
  }

  async close(): Promise<void> {
    this.end(new PostroadError('CLOSED', 'the client was closed'), undefined);
    await this.saver.flush();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message<T>> {
    if (this.looping || this.options.onEvent) {
      throw new PostroadError('BUSY', 'each event goes to one place: to onEvent, or to one loop');
    }
    this.looping = true;
    try {
      for (;;) {
        // Where a loop was left in the middle, the next one begins with what was at hand.
        const item = (this.atHand ??= await this.inbox.next());
        if (!item) return;
        const handled = new Handled(this, item);
        const message = toMessage<T>(item, handled.send);
        if (message) yield message;
        this.finish(item, handled);
      }
    } finally {
      this.looping = false;
    }
  }

  /** Also of Handled. */
  async sendAck(ack: Ack): Promise<void> {
    await this.call('postroad.ack', JSON.stringify(ack));
  }

  private async pump(): Promise<void> {
    try {
      for (let item = await this.inbox.next(); item; item = await this.inbox.next()) {
        const handled = new Handled(this, item);
        await this.handle(item, handled);
        this.finish(item, handled);
      }
    } catch {
      // It ended with an error, which the state tells.
    }
  }

  private async handle(item: Item, handled: Handled): Promise<void> {
    const message = toMessage<T>(item, handled.send);
    if (!message) return;
    try {
      if (message.kind === 'event') await this.options.onEvent?.(message as PostroadEvent<T>);
      else await this.options.onNotice?.(message);
    } catch (error) {
      handled.failure = error instanceof Error ? error.message : String(error);
      this.complain(error);
    }
  }

  private finish(item: Item, handled: Handled): void {
    this.atHand = undefined;
    // Of tabs that share, the one that has the connection keeps the place for all.
    if (this.done.follow(item) && 'cursor' in item && this.leads) this.saver.save(this.done.cursor!);
    // The same goes for what is said by itself.
    if (item.kind === 'event' && this.options.ack !== 'manual' && this.leads && !handled.told) {
      const { topic, offset } = item.line;
      const ack: Ack = handled.failure === undefined ? { topic, offset } : { topic, offset, failed: handled.failure };
      this.source?.tell('postroad.ack', JSON.stringify(ack));
    }
    this.source?.taken(1);
  }

  private async call(route: string, body: string): Promise<string> {
    const { callMs, connection } = this.settings;
    const { clock } = connection.link.world;
    const limit = new AbortController();
    const timer = clock.after(callMs, () => limit.abort(
      new PostroadError('TIMED_OUT', `no answer within ${callMs} ms (${this.current.error?.message ?? this.state})`),
    ));
    const leave = (): void => limit.abort(this.leave.signal.reason);
    if (this.leave.signal.aborted) leave();
    this.leave.signal.addEventListener('abort', leave);
    try {
      limit.signal.throwIfAborted();
      await untilAborted(this.begun, limit.signal);
      return await this.source!.call(route, body, limit.signal);
    } finally {
      clock.cancel(timer);
      this.leave.signal.removeEventListener('abort', leave);
    }
  }

  private async load(cursors: CursorStore): Promise<string | null | undefined> {
    try {
      return await cursors.load();
    } catch (error) {
      this.complain(error);
      return undefined;
    }
  }

  private begin(cursor: string | undefined): void {
    if (this.leave.signal.aborted) return;
    this.source = this.make(cursor, {
      item: (item) => {
        if (!this.inbox.push(item)) this.complain(new Error('more items came than were asked for'));
      },
      status: (status) => this.hear(status),
      asked: this.options.onQuestion && ((question) => this.answer(question)),
    });
    this.tellBegun();
  }

  private hear(status: Status): void {
    if (this.away) return;
    this.current = status;
    for (const listener of this.listeners) this.tell(listener, status);
    if (status.state === 'Closed') this.end(status.error!, status.error);
  }

  // What a listener throws is its own affair.
  private tell(listener: (status: Status) => void, status: Status): void {
    try {
      listener(status);
    } catch (error) {
      this.complain(error);
    }
  }

  private end(reason: PostroadError, error: PostroadError | undefined): void {
    if (this.leave.signal.aborted) return;
    this.leave.abort(reason);
    // Not from within the source's own telling.
    const { source } = this;
    queueMicrotask(() => source?.stop(reason));
    if (!source) this.hear({ state: 'Closed', error: reason });
    this.inbox.close(error?.reason === 'CLOSED' ? undefined : error);
    void this.saver.flush();
  }

  private async answer({ route, body, signal }: Asked): Promise<Bytes> {
    const text = textOf(body);
    let payload: unknown = text;
    try {
      payload = JSON.parse(text);
    } catch {
      // Text it is.
    }
    const answer = await this.options.onQuestion!({ route, payload, signal });
    return answer instanceof Uint8Array ? answer : utf8(JSON.stringify(answer ?? null));
  }

  private complain(error: unknown): void {
    if (this.options.onError) this.options.onError(error);
    else console.error('postroad:', error);
  }

  private listenToPage({ page, document }: World): void {
    const { signal } = this.leave;
    page?.addEventListener('online', () => this.source?.wake(), { signal });
    page?.addEventListener('offline', () => this.source?.doubt(), { signal });
    document?.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.source?.wake();
    }, { signal });
    page?.addEventListener('pagehide', () => this.hide(), { signal });
    page?.addEventListener('pageshow', (event) => {
      if ((event as PageTransitionEvent).persisted) this.show();
    }, { signal });
  }

  // Gives the connection to another tab at once. A page that the browser keeps may be shown again.
  private hide(): void {
    void this.saver.flush();
    this.away = true;
    this.source?.stop(new PostroadError('CLOSED', 'the page is hidden'));
  }

  private show(): void {
    if (!this.away) return;
    this.away = false;
    this.begin(this.source?.cursor);
  }
}

// What became of one item in the application's hands.
class Handled {
  told = false;
  failure: string | undefined;

  constructor(private readonly client: { sendAck(ack: Ack): Promise<void> }, readonly item: Item) {}

  readonly send = (ack: Ack): Promise<void> => {
    this.told = true;
    const sent = this.client.sendAck(ack);
    // Who does not wait for it does not want to hear of it either.
    sent.catch(() => {});
    return sent;
  };
}

/** A client of the world given; tests have their own. */
export const connectIn = <T>(world: World | undefined, options: Options<T>): Client<T> =>
  new PostroadClient<T>(options, world);

/**
 * Connects to a server, and stays connected until close(), over lost connections and restarts of
 * either side. Give `onEvent`, or loop: `for await (const message of client)`.
 */
export const connect = <T = unknown>(options: Options<T> = {}): Client<T> => connectIn<T>(undefined, options);

