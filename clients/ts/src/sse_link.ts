// A link by server-sent events, for where WebSocket is blocked: read with fetch, which can set
// headers and holds back a server that is faster than the application. What goes the other way are
// requests of the HTTP API.
import { fromBase64, textOf, utf8, type Bytes } from './bytes.js';
import { asError, lost, PostroadError } from './error.js';
import { EventText, type ServerSentEvent } from './event_text.js';
import type { From, Link, LinkEvents, LinkOptions } from './link.js';
import type { Line } from './item.js';
import { startOf } from './websocket_link.js';
import type { Timer } from './world.js';

interface QuestionEvent {
  readonly question: string;
  readonly route: string;
  readonly timeout_ms: number;
  readonly payload?: unknown;
  readonly payload_base64?: string;
}

interface Problem {
  readonly reason: string;
  readonly detail: string;
}

const refusal = ({ reason, detail }: Problem): PostroadError => new PostroadError(reason, `${reason}: ${detail}`, true);

async function refusalOf(answer: Response): Promise<PostroadError> {
  const problem = await answer.json().catch(() => undefined);
  return problem?.reason ? refusal(problem) : lost(`HTTP status ${answer.status}`);
}

class SseLink implements Link {
  readonly transport = 'sse';
  private reading: AbortController | undefined;
  private connection = '';
  private credit = 0;
  private wake: (() => void) | undefined;
  private heardAt: number;
  private tick: Timer;
  private ended = false;
  private readonly questions = new Map<string, AbortController>();

  constructor(private readonly options: LinkOptions, from: From, credit: number, private readonly events: LinkEvents) {
    this.heardAt = options.world.clock.now();
    this.scheduleTick();
    this.read(from, credit);
  }

  read(from: From, credit: number): void {
    this.reading?.abort();
    this.reading = new AbortController();
    this.credit = credit;
    void this.follow(from, this.reading.signal);
  }

  grant(lines: number): void {
    this.credit += lines;
    this.wake?.();
  }

  async call(route: string, body: string, signal: AbortSignal): Promise<string> {
    switch (route) {
      case 'postroad.post':
        return this.request('/v1/events', { method: 'POST', body, signal });
      case 'postroad.presence': {
        const user = JSON.parse(body || '{}').user ?? this.options.user ?? '';
        return this.request(`/v1/presence?user=${encodeURIComponent(user)}`, { signal });
      }
      case 'postroad.ack':
        return this.ack(body, signal);
    }
    throw new PostroadError('NO_ROUTE', `NO_ROUTE: "${route}" cannot be called without WebSocket`);
  }

  private async ack(body: string, signal: AbortSignal): Promise<string> {
    const acks = `{"connection":${JSON.stringify(this.connection)},"acks":[${body}]}`;
    const answer = await this.request('/v1/acks', { method: 'POST', body: acks, signal });
    const [failure] = JSON.parse(answer).failures ?? [];
    if (failure) throw refusal(failure.error);
    return '';
  }

  tell(route: string, body: string): void {
    // What goes without an answer goes without its errors.
    this.call(route, body, new AbortController().signal).catch(() => {});
  }

  probe(): void {
    const { world, probeMs, keepAliveMs } = this.options;
    // Nobody can be asked; but the server speaks once in so long.
    if (world.clock.now() - this.heardAt > keepAliveMs + probeMs) this.close(lost('the server is silent'));
  }

  close(error: PostroadError): void {
    if (this.ended) return;
    this.ended = true;
    this.options.world.clock.cancel(this.tick);
    this.reading?.abort();
    this.wake?.();
    for (const question of this.questions.values()) question.abort();
    this.events.closed(error);
  }

  private scheduleTick(): void {
    const { world, lifetimeMs, keepAliveMs } = this.options;
    this.tick = world.clock.after(keepAliveMs, () => {
      if (world.clock.now() - this.heardAt >= lifetimeMs) this.close(lost(`nothing came for ${lifetimeMs} ms`));
      else this.scheduleTick();
    });
  }

  private async fetch(path: string, init: RequestInit): Promise<Response> {
    const { url, token, world } = this.options;
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`);
    if (init.body && !headers.has('Content-Type')) headers.set('Content-Type', 'application/json');
    const answer = await world.fetch(new URL(path, url), { ...init, headers, cache: 'no-store' });
    if (!answer.ok) throw await refusalOf(answer);
    return answer;
  }

  private async request(path: string, init: RequestInit): Promise<string> {
    return (await this.fetch(path, init)).text();
  }

  private path(from: From): string {
    const { topic, user, keepAliveMs } = this.options;
    const query = new URLSearchParams({
      topic: topic ?? `user/${user ?? ''}`, format: 'sse', heartbeat: `${Math.max(1, Math.round(keepAliveMs / 1000))}s`,
    });
    for (const [name, value] of Object.entries(startOf(from))) query.set(name, String(value));
    return `/v1/events?${query}`;
  }

  private async follow(from: From, signal: AbortSignal): Promise<void> {
    try {
      const answer = await this.fetch(this.path(from), { signal, headers: { Accept: 'text/event-stream' } });
      await this.take(answer, signal);
      throw lost('the server ended the stream');
    } catch (error) {
      if (!signal.aborted) this.close(asError(error));
    }
  }

  private async take(answer: Response, signal: AbortSignal): Promise<void> {
    const reader = answer.body!.getReader();
    const decoder = new TextDecoder();
    const events = new EventText();
    let opened = false;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.heardAt = this.options.world.clock.now();
      for (const event of events.push(decoder.decode(value, { stream: true }))) {
        if (!opened) {
          opened = true;
          this.line({ opened: {}, ...(event.id === undefined ? {} : { cursor: event.id }) });
          if (event.data === '') continue;
        }
        if (event.data !== '' || event.name === '') await this.room(signal);
        if (signal.aborted) return;
        this.handle(event);
      }
    }
  }

  private async room(signal: AbortSignal): Promise<void> {
    while (this.credit <= 0 && !signal.aborted) await new Promise<void>((wake) => { this.wake = wake; });
  }

  private line(line: Line): void {
    this.credit--;
    this.events.line(line);
  }

  private handle({ name, data, id }: ServerSentEvent): void {
    const cursor = id === undefined ? {} : { cursor: id };
    if (data === '') return this.line({ heartbeat: {}, ...cursor });
    const value = JSON.parse(data);
    if (name === 'opened') this.connection = value.connection;
    else if (name === 'question') void this.answer(value);
    else if (name === 'question_over') this.questions.get(value.question)?.abort();
    else if (name === 'end') this.close(refusal(value));
    else this.line(name === '' || name === 'message' ? { ...value, ...cursor } : { [name]: value, ...cursor });
  }

  private async answer(question: QuestionEvent): Promise<void> {
    const { clock } = this.options.world;
    const abort = new AbortController();
    this.questions.set(question.question, abort);
    const timer = clock.after(question.timeout_ms, () => abort.abort());
    const target = `/v1/questions/${question.question}/answers?connection=${encodeURIComponent(this.connection)}`;
    let failed = '';
    let body: Bytes | undefined;
    try {
      body = await this.events.asked({ route: question.route, body: payloadBytes(question), signal: abort.signal });
    } catch (error) {
      failed = `&failed=${encodeURIComponent(asError(error).message)}`;
    }
    clock.cancel(timer);
    this.questions.delete(question.question);
    if (abort.signal.aborted || this.ended) return;
    // Too late, or the connection is gone: nobody waits for it any more.
    await this.request(target + failed, { method: 'POST', body: body ? textOf(body) : '' }).catch(() => {});
  }
}

function payloadBytes({ payload, payload_base64: base64 }: QuestionEvent): Bytes {
  if (base64 !== undefined) return fromBase64(base64);
  return utf8(typeof payload === 'string' ? payload : JSON.stringify(payload));
}

export const openSse = (options: LinkOptions, from: From, credit: number, events: LinkEvents): Link =>
  new SseLink(options, from, credit, events);
