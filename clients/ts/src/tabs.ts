// One connection for all tabs of a browser. A Web Lock chooses the tab that has it, the leader, and
// gives it to another the moment that tab is gone; a BroadcastChannel spreads what comes. Each tab
// knows its own place, so the next leader goes on from where it is itself, and a tab that missed
// something (it stood still, or its application did) has the leader read again from there; the
// others pass over what they have.
import type { Bytes } from './bytes.js';
import { Connection, untilAborted, type ConnectionOptions, type Status } from './connection.js';
import { asError, PostroadError } from './error.js';
import type { Item } from './item.js';
import type { Asked } from './link.js';
import { covers, Place } from './place.js';
import { noHandler, type MakeSource, type Source, type SourceEvents } from './source.js';
import { randomName, type World } from './world.js';

// An error as it goes from tab to tab.
interface Failure {
  readonly reason: string;
  readonly message: string;
}

type Word =
  // Of the leader. `count`: the words "item" of this term until now. `cursor`: where it is, or with
  // `again` from where it reads again.
  | { is: 'status'; term: string; count: number; status: Omit<Status, 'error'>; error?: Failure | undefined;
      cursor?: string | undefined; again?: boolean }
  | { is: 'item'; term: string; count: number; item: Item }
  | { is: 'asked'; id: string; route: string; body: Bytes }
  | { is: 'settled'; id: string }
  | { is: 'called'; id: string; text?: string; failure?: Failure }
  // Of the others.
  | { is: 'hello'; tab: string; answers: boolean }
  | { is: 'bye'; tab: string }
  | { is: 'behind'; cursor: string }
  | { is: 'call'; id: string; route: string; body: string }
  | { is: 'tell'; route: string; body: string }
  | { is: 'answer'; id: string; body?: Bytes; failure?: Failure };

type Of<Is extends Word['is']> = Extract<Word, { is: Is }>;

const callMs = 60_000;
const refusedMs = 1000;

const pack = (error: unknown): Failure => {
  const { reason, message } = asError(error);
  return { reason, message };
};
const unpack = ({ reason, message }: Failure): PostroadError => new PostroadError(reason, message, true);

interface PendingCall {
  readonly word: Of<'call'>;
  settle(word: Of<'called'>): void;
}

interface PendingAnswer {
  resolve(body: Bytes): void;
  reject(error: Error): void;
}

class Tab implements Source {
  private readonly name = randomName();
  private readonly channel: BroadcastChannel;
  private readonly leaving = new AbortController();
  private left = false;
  private place: Place;
  private connection: Connection | undefined;
  private release: (() => void) | undefined;

  // Of the leader that is heard.
  private term = '';
  private count = 0;
  // Something was missed: items are not for us until the leader reads again from where we are.
  private missed = false;
  // Things are read again that are here; until the first that is not.
  private again = false;
  private unread = 0;

  private readonly calls = new Map<string, PendingCall>();
  private readonly answers = new Map<string, PendingAnswer>(); // of the leader
  private readonly questions = new Map<string, AbortController>(); // of the others
  private readonly answering = new Set<string>(); // tabs

  constructor(
    key: string, private readonly options: ConnectionOptions, cursor: string | undefined,
    private readonly events: SourceEvents, private readonly stored: () => Promise<string | undefined>,
  ) {
    const world = options.link.world;
    this.place = new Place(cursor);
    this.channel = new world.BroadcastChannel!(key);
    this.channel.onmessage = ({ data }: MessageEvent<Word>) => this.hear(data);
    events.status({ state: 'Connecting' });
    this.say({ is: 'hello', tab: this.name, answers: events.asked !== undefined });
    void this.queueUp(key, world);
  }

  get leads(): boolean {
    return this.connection !== undefined;
  }

  get cursor(): string | undefined {
    return this.place.cursor;
  }

  taken(items: number): void {
    this.unread -= items;
    if (this.unread <= 0 && this.missed) this.catchUp();
  }

  async call(route: string, body: string, signal: AbortSignal): Promise<string> {
    if (this.connection) return this.connection.call(route, body, signal);
    const word: Of<'call'> = { is: 'call', id: randomName(), route, body };
    const answer = new Promise<string>((resolve, reject) => this.calls.set(word.id, {
      word,
      settle: ({ text, failure }) => (failure ? reject(unpack(failure)) : resolve(text ?? '')),
    }));
    this.say(word);
    return untilAborted(answer, signal).finally(() => this.calls.delete(word.id));
  }

  tell(route: string, body: string): void {
    if (this.connection) this.connection.tell(route, body);
    else this.say({ is: 'tell', route, body });
  }

  wake(): void {
    this.connection?.wake();
  }

  doubt(): void {
    this.connection?.doubt();
  }

  stop(error: PostroadError): void {
    if (this.leaving.signal.aborted) return;
    this.leaving.abort(error);
    this.say({ is: 'bye', tab: this.name });
    const refused = this.connection?.status.state === 'Closed';
    this.connection?.stop(error);
    // Where the server will not have us, the others are to hear it before the next one leads.
    if (refused) this.options.link.world.clock.after(refusedMs, () => this.release?.());
    else this.release?.();
    this.left = true;
    this.channel.close();
    if (!this.connection) this.events.status({ state: 'Closed', error });
    for (const { settle } of this.calls.values()) settle({ is: 'called', id: '', failure: pack(error) });
  }

  private say(word: Word): void {
    // What was under way for another tab may end after we left.
    if (!this.left) this.channel.postMessage(word);
  }

  private async queueUp(key: string, world: World): Promise<void> {
    const { signal } = this.leaving;
    try {
      await world.locks!.request(key, { signal }, async () => {
        const cursor = this.place.cursor ?? (await this.stored());
        if (signal.aborted) return;
        const left = new Promise<void>((resolve) => { this.release = resolve; });
        this.lead(this.place.cursor ?? cursor);
        await left;
      });
    } catch {
      // Locks are not to be had here after all: a connection of our own. (Or we are leaving.)
      if (!signal.aborted) this.lead(this.place.cursor ?? (await this.stored()));
    }
  }

  // --- The leader ---

  private lead(cursor: string | undefined): void {
    if (this.leaving.signal.aborted) return;
    this.term = randomName();
    this.count = 0;
    if (this.place.cursor === undefined) this.place = new Place(cursor);
    this.missed = false;
    this.connection = new Connection(this.options, cursor, {
      item: (item) => this.spread(item),
      status: (status) => {
        this.events.status(status);
        // That this tab leaves is no end to the others.
        if (!this.leaving.signal.aborted) this.announce(status);
      },
      asked: (question) => this.askAll(question),
    });
    for (const { word, settle } of this.calls.values()) void this.callFor(word, settle);
  }

  private announce(status: Status, cursor = this.connection?.cursor ?? this.place.cursor, again = false): void {
    const { error, ...rest } = status;
    this.say({
      is: 'status', term: this.term, count: this.count, status: rest, error: error && pack(error), cursor, again,
    });
  }

  private spread(item: Item): void {
    this.say({ is: 'item', term: this.term, count: ++this.count, item });
    // One slow tab must not hold back the others: what does not fit here is read again later.
    this.connection?.taken(1);
    this.accept(item);
  }

  private async callFor(word: Of<'call'>, settle: (word: Of<'called'>) => void): Promise<void> {
    const { id, route, body } = word;
    try {
      const text = await this.connection!.call(route, body, AbortSignal.timeout(callMs));
      settle({ is: 'called', id, text });
    } catch (error) {
      settle({ is: 'called', id, failure: pack(error) });
    }
  }

  // The first tab that answers, answers for all.
  private async askAll(question: Asked): Promise<Bytes> {
    const { route, body, signal } = question;
    const id = randomName();
    if (this.answering.size === 0) return (this.events.asked ?? noHandler)(question);
    const own = new AbortController();
    const stop = (): void => own.abort();
    signal.addEventListener('abort', stop);
    const answer = new Promise<Bytes>((resolve, reject) => {
      this.answers.set(id, { resolve, reject });
      this.events.asked?.({ route, body, signal: own.signal }).then(resolve, reject);
    });
    this.say({ is: 'asked', id, route, body });
    return untilAborted(answer, signal).finally(() => {
      own.abort();
      this.answers.delete(id);
      this.say({ is: 'settled', id });
    });
  }

  private readAgain(cursor: string): void {
    this.connection!.rewind(cursor);
    this.announce(this.connection!.status, cursor, true);
    this.heardAgain(cursor);
  }

  // --- All ---

  private hear(word: Word): void {
    if (word.is === 'hello' && word.answers) this.answering.add(word.tab);
    if (word.is === 'bye') this.answering.delete(word.tab);
    if (word.is === 'status') this.hearStatus(word);
    else if (word.is === 'item') this.hearItem(word);
    else if (word.is === 'asked') void this.hearAsked(word);
    else if (word.is === 'settled') this.questions.get(word.id)?.abort();
    else if (word.is === 'called') this.calls.get(word.id)?.settle(word);
    else if (this.connection) this.hearAsLeader(word, this.connection);
  }

  private hearAsLeader(word: Word, connection: Connection): void {
    if (word.is === 'hello') {
      if (connection.status.state !== 'Closed') this.announce(connection.status);
    } else if (word.is === 'behind') {
      this.readAgain(word.cursor);
    } else if (word.is === 'call') {
      void this.callFor(word, (called) => this.say(called));
    } else if (word.is === 'tell') {
      connection.tell(word.route, word.body);
    } else if (word.is === 'answer') {
      const answer = this.answers.get(word.id);
      if (word.failure) answer?.reject(unpack(word.failure));
      else answer?.resolve(word.body!);
    }
  }

  private hearStatus({ term, count, status, error, cursor, again }: Of<'status'>): void {
    if (this.connection) return; // a leader that does not know yet that it is none
    const fresh = term !== this.term;
    this.term = term;
    this.events.status({ ...status, error: error && unpack(error) });
    if (status.state === 'Closed') return;
    if (fresh) {
      this.say({ is: 'hello', tab: this.name, answers: this.events.asked !== undefined });
      for (const { word } of this.calls.values()) this.say(word);
    }
    if (again) this.heardAgain(cursor!);
    else if (fresh || count !== this.count) this.compare(cursor);
    this.count = count;
  }

  // Whether the leader's next item follows what is here.
  private compare(cursor: string | undefined): void {
    const here = this.place.cursor;
    if (cursor === undefined) return;
    if (here === undefined) this.accept({ kind: 'position', cursor });
    else if (covers(cursor, here)) this.again = cursor !== here;
    else this.fallBehind();
  }

  private hearItem({ term, count, item }: Of<'item'>): void {
    if (this.connection) return;
    const follows = term === this.term && count === this.count + 1;
    this.term = term;
    this.count = count;
    if (follows || this.place.cursor === undefined) this.accept(item);
    else this.fallBehind();
  }

  private accept(item: Item): void {
    if (this.missed) return;
    if (this.unread >= this.options.window) {
      // It does not fit: as if it had not come.
      this.missed = true;
      return;
    }
    if (!(this.again ? this.place.admit(item) : this.place.follow(item))) return;
    if (item.kind === 'event') this.again = false;
    this.unread++;
    this.events.item(item);
  }

  private fallBehind(): void {
    this.missed = true;
    if (this.unread <= 0) this.catchUp();
  }

  private catchUp(): void {
    const { cursor } = this.place;
    if (cursor === undefined) this.missed = false;
    else if (this.connection) this.readAgain(cursor);
    else this.say({ is: 'behind', cursor });
  }

  private heardAgain(cursor: string): void {
    const here = this.place.cursor;
    if (here !== undefined && !covers(cursor, here)) return;
    this.missed = false;
    this.again = true;
  }

  private async hearAsked({ id, route, body }: Of<'asked'>): Promise<void> {
    if (!this.events.asked) return;
    const abort = new AbortController();
    this.questions.set(id, abort);
    let word: Of<'answer'>;
    try {
      word = { is: 'answer', id, body: await this.events.asked({ route, body, signal: abort.signal }) };
    } catch (error) {
      word = { is: 'answer', id, failure: pack(error) };
    }
    this.questions.delete(id);
    if (!abort.signal.aborted && !this.leaving.signal.aborted) this.say(word);
  }
}

/** Whether tabs can share here. */
export const canShare = ({ locks, BroadcastChannel }: World): boolean => !!locks && !!BroadcastChannel;

export function sharedConnection(
  key: string, options: ConnectionOptions, stored: () => Promise<string | undefined>,
): MakeSource {
  return (cursor, events) => new Tab(key, options, cursor, events, stored);
}
