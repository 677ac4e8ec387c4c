// `postroad serve` for tests: data of its own, free ports that it keeps over restarts. Ended by its process.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = process.env['POSTROAD_SERVER'] ?? 'postroad';

export class Server {
  private readonly data = mkdtempSync(join(tmpdir(), 'postroad-ts-'));
  private process: ChildProcess | undefined;
  private addresses: Record<string, string> = { http: '127.0.0.1:0', grpc: '127.0.0.1:0', rsocket: '127.0.0.1:0' };

  private constructor() {}

  /** `config` is a settings file's text. */
  static async start(config = ''): Promise<Server> {
    const server = new Server();
    writeFileSync(server.config, config);
    await server.start();
    return server;
  }

  private get config(): string {
    return join(this.data, 'postroad.toml');
  }

  get address(): string {
    return this.addresses['http']!;
  }

  get url(): string {
    return `http://${this.address}`;
  }

  async start(): Promise<void> {
    const ports = join(this.data, 'ports');
    rmSync(ports, { force: true });
    const listen = Object.entries(this.addresses).flatMap(([protocol, address]) => [`--listen.${protocol}`, address]);
    const own = ['--config', this.config, '--data', this.data, '--log.level', 'warn'];
    this.process = spawn(program, ['serve', ...own, ...listen], { stdio: ['ignore', 'ignore', 'inherit'] });
    await until(() => existsSync(ports) || this.process!.exitCode !== null, 'the server starts');
    if (!existsSync(ports)) throw new Error(`the server does not start: it ended with ${this.process.exitCode}`);
    const lines = readFileSync(ports, 'utf8').trim().split('\n');
    this.addresses = Object.fromEntries(lines.map((line) => line.split(' ') as [string, string]));
  }

  /** Like a crash, unless `signal` is another. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { process } = this;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const gone = new Promise((done) => process.once('exit', done));
    process.kill(signal);
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }

  /** The HTTP API; a body is JSON. */
  async fetch(path: string, method = 'GET', body?: unknown): Promise<any> {
    const json = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
    const answer = await fetch(this.url + path, { method, ...json });
    if (answer.status === 204) return undefined;
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Posts JSON payloads to a user. */
  post(user: string, ...payloads: unknown[]): Promise<any> {
    const events = payloads.map((payload) => ({ topic: `user/${user}`, payload }));
    return this.fetch('/v1/events', 'POST', { events });
  }
}

/** Waits for a condition, for at most 20 s. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 20_000; !(await condition());) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}
