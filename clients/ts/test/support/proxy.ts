// The network between a client and a server: it can break connections, swallow what is sent, be
// unreachable, or refuse WebSocket as some companies' proxies do.
import { connect, createServer, type AddressInfo, type Server as Listener, type Socket } from 'node:net';

export class Proxy {
  private readonly listener: Listener;
  private readonly pairs = new Set<[Socket, Socket]>();
  /** Takes no new connections. */
  unreachable = false;
  /** Answers WebSocket's handshake with 403. */
  refusesUpgrades = false;
  private stalled = false;

  private constructor(private readonly target: string) {
    this.listener = createServer((socket) => this.accept(socket));
  }

  static async start(target: string): Promise<Proxy> {
    const proxy = new Proxy(target);
    await new Promise<void>((done) => proxy.listener.listen(0, '127.0.0.1', done));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.listener.address() as AddressInfo).port}`;
  }

  get connections(): number {
    return this.pairs.size;
  }

  /** Breaks all connections. */
  cut(): void {
    for (const pair of [...this.pairs]) for (const socket of pair) socket.destroy();
  }

  /** Nothing passes any more, and nobody is told: as when a cable is pulled. */
  stall(): void {
    this.stalled = true;
    for (const pair of this.pairs) for (const socket of pair) socket.pause();
  }

  /** New connections pass again; those that stalled never do. */
  heal(): void {
    this.stalled = false;
    this.unreachable = false;
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((done) => this.listener.close(done));
  }

  private accept(socket: Socket): void {
    socket.on('error', () => {});
    if (this.unreachable) {
      socket.destroy();
      return;
    }
    if (this.stalled) {
      this.pairs.add([socket, socket]);
      return;
    }
    socket.once('data', (first: Buffer) => {
      if (this.refusesUpgrades && /^upgrade: websocket/im.test(first.toString('latin1'))) {
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
        return;
      }
      this.join(socket, first);
    });
  }

  private join(socket: Socket, first: Buffer): void {
    const colon = this.target.lastIndexOf(':');
    const server = connect(Number(this.target.slice(colon + 1)), this.target.slice(0, colon));
    const pair: [Socket, Socket] = [socket, server];
    this.pairs.add(pair);
    server.write(first);
    server.pipe(socket);
    socket.pipe(server);
    for (const one of pair) {
      one.setNoDelay(true);
      one.on('error', () => {});
      one.on('close', () => {
        this.pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
  }
}
