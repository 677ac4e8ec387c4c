// A link by RSocket on WebSocket.
import { textOf, utf8, type Bytes } from './bytes.js';
import { fromServerText, lost } from './error.js';
import type { From, Link, LinkEvents, LinkOptions } from './link.js';
import type { Line } from './item.js';
import type { Payload } from './rsocket/frame.js';
import { bearerEntry, compositeMime, decodeComposite, decodeRoute, jsonMime, routeEntry } from './rsocket/metadata.js';
import { Session, type Sink, type Subscription } from './rsocket/session.js';
import type { Socket } from './world.js';

const maxFrameBytes = 64 << 10;
const maxPayloadBytes = 64 << 20; // the largest event there is

export function startOf(from: From): object {
  if (from === undefined) return {};
  return typeof from === 'string' ? { from } : from;
}

function address({ url, path }: LinkOptions): string {
  const target = new URL(path, url);
  target.protocol = target.protocol.replace('http', 'ws');
  return target.href;
}

class WebSocketLink implements Link {
  readonly transport = 'websocket';
  private readonly socket: Socket;
  private session: Session | undefined;
  private stream: Subscription | undefined;
  // What the application has taken and the server was not told of yet.
  private granted = 0;
  private ended = false;

  constructor(
    private readonly options: LinkOptions, private from: From, private credit: number,
    private readonly events: LinkEvents,
  ) {
    this.socket = new options.world.WebSocket!(address(options));
    this.socket.binaryType = 'arraybuffer';
    this.socket.onopen = () => this.begin();
    this.socket.onmessage = ({ data }: { data: ArrayBuffer }) => this.session?.receive(new Uint8Array(data));
    this.socket.onerror = () => {}; // onclose follows
    this.socket.onclose = ({ reason, code }: { reason: string; code: number }) => {
      this.close(/^[A-Z_]+:/.test(reason) ? fromServerText(reason) : lost(`WebSocket closed (${code}) ${reason}`));
    };
  }

  read(from: From, credit: number): void {
    this.from = from;
    this.credit = credit;
    if (!this.session) return;
    this.stream?.cancel();
    this.granted = 0;
    const data = utf8(JSON.stringify({ ...startOf(from), format: 'json' }));
    this.stream = this.session.requestStream({ data, metadata: routeEntry(this.options.route) }, credit, this.sink());
  }

  grant(lines: number): void {
    this.granted += lines;
    if (this.granted * 2 < this.credit) return;
    this.stream?.request(this.granted);
    this.granted = 0;
  }

  async call(route: string, body: string, signal: AbortSignal): Promise<string> {
    if (!this.session) throw lost('not connected yet');
    const answer = await this.session.requestResponse({ data: utf8(body), metadata: routeEntry(route) }, signal);
    return answer ? textOf(answer.data) : '';
  }

  tell(route: string, body: string): void {
    this.session?.fireAndForget({ data: utf8(body), metadata: routeEntry(route) });
  }

  probe(): void {
    this.session?.probe(this.options.probeMs);
  }

  close(error: ReturnType<typeof lost>): void {
    if (this.ended) return;
    if (this.session) {
      this.session.close(error);
    } else {
      this.end();
      this.events.closed(error);
    }
  }

  private end(): void {
    this.ended = true;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    // A socket that is still connecting may say that it failed.
    this.socket.onerror = () => {};
    this.socket.close(1000);
  }

  private begin(): void {
    const { world, user, token, keepAliveMs, lifetimeMs } = this.options;
    this.session = new Session({
      setup: {
        keepAliveMs, lifetimeMs, metadataMime: compositeMime, dataMime: jsonMime,
        data: utf8(user === undefined ? '' : JSON.stringify({ user })),
        metadata: token === undefined ? undefined : bearerEntry(token),
      },
      clock: world.clock, maxFrameBytes, maxPayloadBytes,
      send: (frame) => this.socket.send(frame),
      end: () => this.end(),
      events: { asked: (payload, signal) => this.asked(payload, signal), closed: (error) => this.events.closed(error) },
    });
    this.read(this.from, this.credit);
  }

  private async asked({ data, metadata }: Payload, signal: AbortSignal): Promise<Bytes> {
    const route = metadata ? decodeRoute(decodeComposite(metadata)) : '';
    return this.events.asked({ route, body: data, signal });
  }

  private take(text: string): void {
    let line: Line;
    try {
      line = JSON.parse(text);
    } catch {
      return this.close(lost(`the server sent what is no JSON: ${text.slice(0, 40)}`));
    }
    this.events.line(line);
  }

  private sink(): Sink {
    return {
      next: ({ data }) => this.take(textOf(data)),
      complete: () => this.close(lost('the server ended the stream')),
      error: (error) => this.close(error),
    };
  }
}

export const openWebSocket = (options: LinkOptions, from: From, credit: number, events: LinkEvents): Link =>
  new WebSocketLink(options, from, credit, events);
