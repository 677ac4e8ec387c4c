// One RSocket connection as its client: streams and requests with credit, keepalive, fragments, and
// the server's questions. Frames in, frames out: it has no socket, and its clock is handed in.
import { concat, textOf, type Bytes } from '../bytes.js';
import { asError, fromServerText, lost, PostroadError } from '../error.js';
import type { Clock, Timer } from '../world.js';
import {
  decodeFrame, encodeCancel, encodeError, encodeFragments, encodeKeepAlive, encodeRequestN, encodeSetup, ErrorCode,
  Flag, FrameType, maxRequestN, type Frame, type Payload, type Setup,
} from './frame.js';

export interface Sink {
  next(payload: Payload): void;
  complete(): void;
  error(error: PostroadError): void;
}

export interface Subscription {
  /** Lets `n` more come. */
  request(n: number): void;
  cancel(): void;
}

export interface SessionEvents {
  /** Answers a request of the server's; `signal` aborts when the answer is not waited for any more. */
  asked(payload: Payload, signal: AbortSignal): Promise<Bytes>;
  /** Once, also after close(). */
  closed(error: PostroadError): void;
}

export interface SessionOptions {
  readonly setup: Setup;
  readonly clock: Clock;
  /** Metadata and data of one frame, sent. */
  readonly maxFrameBytes: number;
  /** A message in fragments, received. */
  readonly maxPayloadBytes: number;
  send(frame: Bytes): void;
  /** Ends the connection below. */
  end(): void;
  readonly events: SessionEvents;
}

// A message that comes in fragments.
interface Pieces {
  readonly data: Bytes[];
  readonly metadata: Bytes[];
  size: number;
}

interface OpenStream {
  readonly sink: Sink;
  pieces?: Pieces | undefined;
}

interface Asked {
  readonly abort: AbortController;
  pieces: Pieces | undefined;
}

const newPieces = (): Pieces => ({ data: [], metadata: [], size: 0 });

function add(pieces: Pieces, frame: Frame): void {
  pieces.data.push(frame.data);
  if (frame.metadata) pieces.metadata.push(frame.metadata);
  pieces.size += frame.data.length + (frame.metadata?.length ?? 0);
}

const whole = ({ data, metadata }: Pieces): Payload => ({
  data: concat(data),
  metadata: metadata.length > 0 ? concat(metadata) : undefined,
});

export class Session {
  private readonly streams = new Map<number, OpenStream>();
  private readonly questions = new Map<number, Asked>();
  private nextStream = 1;
  private ended = false;
  private heardAt: number;
  private tick: Timer;
  private probing: Timer;

  constructor(private readonly options: SessionOptions) {
    this.heardAt = options.clock.now();
    this.send(encodeSetup(options.setup));
    this.scheduleTick();
  }

  requestStream(payload: Payload, n: number, sink: Sink): Subscription {
    const id = this.open(FrameType.RequestStream, payload, sink, n);
    return {
      request: (more) => {
        if (this.streams.has(id)) this.send(encodeRequestN(id, Math.min(more, maxRequestN)));
      },
      cancel: () => {
        if (this.streams.delete(id)) this.send(encodeCancel(id));
      },
    };
  }

  /** Undefined: it was answered without a payload. */
  requestResponse(payload: Payload, signal?: AbortSignal): Promise<Payload | undefined> {
    return new Promise((resolve, reject) => {
      const id = this.open(FrameType.RequestResponse, payload, {
        next: resolve, complete: () => resolve(undefined), error: reject,
      });
      signal?.addEventListener('abort', () => {
        if (this.streams.delete(id)) this.send(encodeCancel(id));
      });
    });
  }

  fireAndForget(payload: Payload): void {
    this.sendMessage(this.takeId(), FrameType.RequestFnf, 0, payload);
  }

  /** Ends the connection unless a byte comes within so long. */
  probe(withinMs: number): void {
    if (this.ended || this.probing !== undefined) return;
    this.send(encodeKeepAlive(true));
    this.probing = this.options.clock.after(withinMs, () => this.close(lost('the server does not answer')));
  }

  receive(bytes: Bytes): void {
    if (this.ended) return;
    this.heardAt = this.options.clock.now();
    this.options.clock.cancel(this.probing);
    this.probing = undefined;
    try {
      this.handle(decodeFrame(bytes));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.send(encodeError(0, ErrorCode.ConnectionError, `malformed frame, ${error.message}`));
      this.close(lost(`malformed frame, ${error.message}`));
    }
  }

  close(error: PostroadError): void {
    if (this.ended) return;
    this.ended = true;
    this.options.clock.cancel(this.tick);
    this.options.clock.cancel(this.probing);
    this.options.end();
    for (const { abort } of this.questions.values()) abort.abort();
    const streams = [...this.streams.values()];
    this.streams.clear();
    for (const { sink } of streams) sink.error(error);
    this.options.events.closed(error);
  }

  private send(frame: Bytes): void {
    if (!this.ended) this.options.send(frame);
  }

  private sendMessage(id: number, type: FrameType, flags: number, payload: Payload, n?: number): void {
    for (const frame of encodeFragments(id, type, flags, payload, this.options.maxFrameBytes, n)) this.send(frame);
  }

  private takeId(): number {
    const id = this.nextStream;
    this.nextStream += 2;
    return id;
  }

  private open(type: FrameType, payload: Payload, sink: Sink, n?: number): number {
    const id = this.takeId();
    if (this.ended) {
      sink.error(lost('the connection is closed'));
      return id;
    }
    this.streams.set(id, { sink });
    this.sendMessage(id, type, 0, payload, n);
    return id;
  }

  // Timers of hidden pages come late, so silence counts by the clock; the server's own questions
  // keep such a page's connection alive.
  private scheduleTick(): void {
    const { clock, setup } = this.options;
    this.tick = clock.after(setup.keepAliveMs, () => {
      if (clock.now() - this.heardAt >= setup.lifetimeMs) {
        this.close(lost(`nothing came for ${setup.lifetimeMs} ms`));
        return;
      }
      this.send(encodeKeepAlive(true));
      this.scheduleTick();
    });
  }

  private handle(frame: Frame): void {
    if (frame.stream === 0) this.handleConnection(frame);
    else if (this.streams.has(frame.stream)) this.handleStream(frame);
    else this.handleQuestion(frame);
  }

  private handleConnection(frame: Frame): void {
    if (frame.type === FrameType.KeepAlive) {
      if (frame.flags & Flag.Respond) this.send(encodeKeepAlive(false, frame.data));
    } else if (frame.type === FrameType.Error) {
      this.close(fromServerText(textOf(frame.data)));
    }
    // Leases were not asked for, and nobody listens to what else comes here.
  }

  private handleStream(frame: Frame): void {
    const stream = this.streams.get(frame.stream)!;
    if (frame.type === FrameType.Error) {
      this.streams.delete(frame.stream);
      stream.sink.error(fromServerText(textOf(frame.data)));
    } else if (frame.type === FrameType.Payload) {
      this.handlePayload(frame, stream);
    }
  }

  private handlePayload(frame: Frame, stream: OpenStream): void {
    const pieces = (stream.pieces ??= newPieces());
    add(pieces, frame);
    if (pieces.size > this.options.maxPayloadBytes) {
      this.streams.delete(frame.stream);
      this.send(encodeCancel(frame.stream));
      stream.sink.error(new PostroadError('TOO_LARGE', `a message of more than ${this.options.maxPayloadBytes} bytes`));
      return;
    }
    if (frame.flags & Flag.Follows) return;
    stream.pieces = undefined;
    if (frame.flags & Flag.Complete) this.streams.delete(frame.stream);
    if (frame.flags & Flag.Next) stream.sink.next(whole(pieces));
    if (frame.flags & Flag.Complete) stream.sink.complete();
  }

  private handleQuestion(frame: Frame): void {
    const { stream, type } = frame;
    const asked = this.questions.get(stream);
    if (type === FrameType.RequestResponse && !asked) {
      this.questions.set(stream, { abort: new AbortController(), pieces: newPieces() });
      this.addToQuestion(frame);
    } else if (type === FrameType.Payload && asked?.pieces) {
      this.addToQuestion(frame);
    } else if (type === FrameType.Cancel || type === FrameType.Error) {
      asked?.abort.abort();
      this.questions.delete(stream);
    } else if (type === FrameType.RequestStream || type === FrameType.RequestChannel) {
      this.send(encodeError(stream, ErrorCode.Rejected, 'NOT_SERVED: this client answers request-response only'));
    }
  }

  private addToQuestion(frame: Frame): void {
    const asked = this.questions.get(frame.stream)!;
    const pieces = asked.pieces!;
    add(pieces, frame);
    if (pieces.size > this.options.maxPayloadBytes) {
      this.questions.delete(frame.stream);
      this.send(encodeError(frame.stream, ErrorCode.Invalid, 'TOO_LARGE: the question'));
      return;
    }
    if (frame.flags & Flag.Follows) return;
    asked.pieces = undefined;
    void this.answer(frame.stream, whole(pieces), asked);
  }

  private async answer(id: number, payload: Payload, asked: Asked): Promise<void> {
    let reply: () => void;
    try {
      const data = await this.options.events.asked(payload, asked.abort.signal);
      reply = () => this.sendMessage(id, FrameType.Payload, Flag.Next | Flag.Complete, { data });
    } catch (error) {
      reply = () => this.send(encodeError(id, ErrorCode.ApplicationError, asError(error).message));
    }
    // Cancelled meanwhile: nobody waits for it.
    if (this.questions.get(id) !== asked) return;
    this.questions.delete(id);
    reply();
  }
}
