// Clients of a real server, and what they saw.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { WebSocket } from 'ws';
import { connect, type Client, type Message, type Options } from '../../src/index.js';
import { Server, until } from '../support/server.js';

export { assert, until };

let count = 0;

/** A client that keeps all it is told. */
export class Watcher {
  readonly user: string;
  readonly client: Client<any>;
  readonly messages: Message<any>[] = [];
  readonly states: string[] = [];
  readonly errors: unknown[] = [];

  constructor(options: Options<any>) {
    this.user = options.user ?? `user-${++count}-${process.pid}`;
    this.client = connect({
      user: this.user, WebSocket, backoff: { base: 20, max: 200 },
      onEvent: (event) => this.messages.push(event), onNotice: (notice) => this.messages.push(notice),
      onError: (error) => this.errors.push(error),
      onState: ({ state, transport, error }) => {
        const more = state === 'Connected' ? transport : error?.reason;
        this.states.push(more ? `${state} ${more}` : state);
      },
      ...options,
    });
  }

  get payloads(): unknown[] {
    return this.messages.flatMap((message) => (message.kind === 'event' ? [message.payload] : []));
  }

  connected(): Promise<void> {
    return until(() => this.client.state === 'Connected', `${this.user} is connected; ${this.states.join(', ')}`);
  }

  async has(...payloads: unknown[]): Promise<void> {
    await until(() => this.payloads.length >= payloads.length, `${payloads.length} events; there are ${this.payloads.length}`);
    assert.deepEqual(this.payloads, payloads);
  }
}

/** A server for the tests of a file, and clients that are closed at its end. */
export class Fixture {
  server!: Server;
  private readonly watchers: Watcher[] = [];

  constructor(config = '') {
    before(async () => { this.server = await Server.start(config); });
    after(async () => {
      await Promise.all(this.watchers.map(({ client }) => client.close()));
      await this.server.stop();
    });
  }

  watch(options: Options<any> = {}): Watcher {
    const watcher = new Watcher({ url: this.server.url, ...options });
    this.watchers.push(watcher);
    return watcher;
  }

  async connected(options: Options<any> = {}): Promise<Watcher> {
    const watcher = this.watch(options);
    await watcher.connected();
    return watcher;
  }
}
