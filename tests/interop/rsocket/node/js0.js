// The npm clients 0.0.x: node js0.js <version> <transport> <host> <port>, in a folder whose
// node_modules has them. Prints a line "<check>: pass", "…: fail <why>" or "…: none <why>" (the client
// cannot) for each check.
const runner = require('./runner.js');

const [version, transport, host, port] = runner.args;
const { load } = runner;
const {
  RSocketClient, BufferEncoders, RSocketResumableTransport, Leases, Lease,
} = load('rsocket-core');
const { Flowable, Single } = load('rsocket-flowable');
const Tcp = load('rsocket-tcp-client').default;
const WebSocketClient = load('rsocket-websocket-client').default;
const WebSocket = load('ws');
// 0.0.7 knows no other way to make its sockets.
global.WebSocket = class extends WebSocket {
  constructor(url) { super(url); lastSocket = this; }
};

let lastSocket = null; // of WebSocket, to cut
const old = version === '0.0.7';
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const text = (payload) => payload && payload.data && payload.data.toString();

function rawTransport() {
  if (transport === 'tcp') return new Tcp({ host, port: Number(port) }, BufferEncoders);
  const wsCreator = (url) => (lastSocket = new WebSocket(url));
  return new WebSocketClient({ url: `ws://${host}:${port}/rsocket`, wsCreator }, BufferEncoders);
}

function connect({ setup = {}, responder, transport: own, leases } = {}) {
  const client = new RSocketClient({
    setup: {
      keepAlive: 60000, lifetime: 180000,
      dataMimeType: 'application/octet-stream',
      metadataMimeType: 'application/octet-stream', ...setup,
    },
    responder, leases,
    transport: own || rawTransport(),
  });
  return new Promise((done, failed) => client.connect().subscribe({
    onComplete: (socket) => done(Object.assign(socket, { client })), onError: failed,
  }));
}
const ask = (socket, data, metadata) => new Promise((done, failed) => {
  socket.requestResponse({ data: Buffer.from(data), metadata: metadata && Buffer.from(metadata) })
    .subscribe({ onComplete: done, onError: failed });
});
// Collects a flowable; `credit` at once, more by the subscription.
function collect(flowable, credit = 0x7fffffff) {
  const seen = { items: [], complete: false, error: null, subscription: null };
  seen.ended = new Promise((done) => flowable.subscribe({
    onSubscribe: (subscription) => { seen.subscription = subscription; subscription.request(credit); },
    onNext: (payload) => seen.items.push(payload),
    onComplete: () => { seen.complete = true; done(); },
    onError: (error) => { seen.error = error; done(); },
  }));
  return seen;
}
const until = async (condition, ms = 5000) => {
  for (const end = Date.now() + ms; !condition() && Date.now() < end;) await sleep(5);
  return condition();
};
// Tries until the server is there again.
async function reconnect(connect) {
  for (const end = Date.now() + 10000; ; await sleep(100)) {
    try {
      const socket = await connect();
      await ask(socket, 'there?');
      return socket;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}
function check(holds, what) { if (!holds) throw new Error(what); }

const checks = {
  async 'request-response'() {
    const socket = await connect();
    const answer = await ask(socket, 'ping', 'meta');
    check(text(answer) === 'ping' && answer.metadata.toString() === 'meta', 'the echo differs');
    socket.close();
  },
  async 'error of a request'() {
    const socket = await connect();
    const error = await ask(socket, 'fail').then(() => null, (e) => e);
    check(error && error.message.includes('failed as asked'), `got ${error && error.message}`);
    socket.close();
  },
  async 'fire-and-forget'() {
    const socket = await connect();
    for (let i = 0; i < 10; i++) socket.fireAndForget({ data: Buffer.from('x') });
    check(text(await ask(socket, 'counts')) === '10 0', 'not all came');
    socket.close();
  },
  async 'metadata push'() {
    if (old) return 'none it is not implemented';
    const socket = await connect();
    await new Promise((done, failed) => socket.metadataPush({ metadata: Buffer.from('m') })
      .subscribe({ onComplete: done, onError: failed }));
    check(text(await ask(socket, 'counts')) === '0 1', 'it did not come');
    socket.close();
  },
  async 'request-stream'() {
    const socket = await connect();
    const seen = collect(socket.requestStream({ data: Buffer.from('1000') }));
    await seen.ended;
    check(seen.complete && seen.items.length === 1000, `${seen.items.length} came`);
    check(seen.items.every((payload, i) => text(payload) === String(i)), 'out of order');
    socket.close();
  },
  async 'backpressure'() {
    const socket = await connect();
    const seen = collect(socket.requestStream({ data: Buffer.from('100') }), 5);
    check(await until(() => seen.items.length === 5), `${seen.items.length} of 5 came`);
    await ask(socket, 'in between');
    check(seen.items.length === 5, 'more came than were asked for');
    seen.subscription.request(10);
    check(await until(() => seen.items.length === 15), 'the next ten did not come');
    seen.subscription.cancel();
    await ask(socket, 'after cancel');
    check(seen.items.length === 15, 'more came after cancel');
    socket.close();
  },
  async 'request-channel'() {
    if (old) return 'none it is not implemented';
    const socket = await connect();
    const items = Array.from({ length: 50 }, (_, i) => ({ data: Buffer.from(`${i}`) }));
    const seen = collect(socket.requestChannel(Flowable.just(...items)));
    await seen.ended;
    check(!seen.error, seen.error && seen.error.message);
    check(seen.items.map(text).join() === items.map(text).join(), `${seen.items.length} came`);
    socket.close();
  },
  async 'server asks client'() {
    const socket = await connect({
      responder: { requestResponse: (payload) => Single.of({ data: Buffer.from(`re ${text(payload)}`) }) },
    });
    check(text(await ask(socket, 'ask why')) === 're why', 'another answer');
    socket.close();
  },
  async 'large payloads'() {
    const socket = await connect();
    const large = Buffer.alloc(1 << 20, 7);
    check((await ask(socket, large)).data.equals(large), 'the echo differs');
    check((await ask(socket, 'size 4000000')).data.length === 4000000, 'another size');
    socket.close();
  },
  async 'keepalive past its lifetime'() {
    const socket = await connect({ setup: { keepAlive: 500, lifetime: 4000 } });
    let status = '';
    socket.connectionStatus().subscribe({ onNext: (s) => { status = s.kind; }, onSubscribe: (s) => s.request(100) });
    const seen = collect(socket.requestStream({ data: Buffer.from('1000000000 1000') }), 1);
    for (const end = Date.now() + 9000; Date.now() < end;) {
      seen.subscription.request(50);
      await sleep(20);
    }
    check(!seen.error, seen.error && seen.error.message);
    check(status === 'CONNECTED' && seen.items.length > 1000, `${status}, ${seen.items.length} came`);
    socket.close();
  },
  async 'resumption'() {
    if (old) return 'none it speaks a draft that counts frames';
    const own = new RSocketResumableTransport(rawTransport, {
      bufferSize: 1000, resumeToken: Buffer.from(`token-${process.pid}-${transport}`),
      sessionDurationSeconds: 20,
    }, BufferEncoders);
    const socket = await connect({ transport: own });
    const seen = collect(socket.requestStream({ data: Buffer.from('100') }), 5);
    check(await until(() => seen.items.length === 5), 'the first did not come');
    if (transport === 'tcp') own._currentConnection._socket.destroy(); else runner.cut(lastSocket);
    await sleep(100);
    if (own._status.kind !== 'CONNECTED') own.connect();
    check(await until(() => own._status.kind === 'CONNECTED'), `status ${own._status.kind}`);
    seen.subscription.request(10);
    check(await until(() => seen.items.length >= 15), `${seen.items.length} came after it`);
    check(seen.items.every((payload, i) => text(payload) === String(i)), 'lost, repeated or out of order');
    socket.close();
  },
  async 'lease'() {
    if (!Leases) return 'none it is not implemented';
    let granted = 0;
    const socket = await connect({
      leases: () => new Leases()
        .receiver((leases) => leases.subscribe({
          onSubscribe: (s) => s.request(0x7fffffff), onNext: (lease) => { granted = lease.allowedRequests; },
          onError: () => {}, onComplete: () => {},
        }))
        // Not at once: it would send LEASE before SETUP.
        .sender(() => new Flowable((subscriber) => subscriber.onSubscribe({
          request: () => setTimeout(() => subscriber.onNext(new Lease(10000, 100)), 50), cancel() {},
        }))),
    });
    check(await until(() => granted > 0), 'no lease came');
    check(text(await ask(socket, 'leased')) === 'leased', 'the echo differs');
    socket.close();
  },
  async 'refused SETUP'() {
    if (old) return 'none its SETUP has no payload';
    const socket = await connect({ setup: { payload: { data: Buffer.from('refuse me') } } }).catch((e) => ({ e }));
    const error = socket.e || await ask(socket, 'x').then(() => null, (e) => e);
    check(error && error.message.includes('refused as asked'), `got ${error && error.message}`);
  },
  async 'server restart'() {
    const socket = await connect();
    let status = '';
    socket.connectionStatus().subscribe({ onNext: (s) => { status = s.kind; }, onSubscribe: (s) => s.request(100) });
    const lost = await ask(socket, 'restart').then(() => null, (e) => e);
    check(lost, 'the restart was answered');
    check(await until(() => status === 'CLOSED' || status === 'ERROR'), `status ${status}`);
    const again = await reconnect(connect);
    check(text(await ask(again, 'after')) === 'after', 'the echo differs');
    again.close();
  },
  async 'bad metadata'() {
    const socket = await connect({ setup: { metadataMimeType: 'message/x.rsocket.routing.v0' } });
    check(text(await ask(socket, 'route', '\x05hello')) === 'hello', 'another route');
    const error = await ask(socket, 'route', 'notifications.stream').then(() => null, (e) => e);
    check(error && error.message.includes('byte 0') && error.message.includes('sent without its length byte'),
      `got ${error && error.message}`);
    check(text(await ask(socket, 'after')) === 'after', 'the connection is gone');
    socket.close();
  },
  async 'malformed frame'() {
    if (transport !== 'websocket') return 'none its socket is out of reach';
    const socket = await connect();
    const failed = ask(socket, 'ask nothing').then(() => null, (e) => e);
    await until(() => lastSocket && lastSocket.readyState === 1);
    lastSocket.send(Buffer.from([0, 0, 0, 3, 0x11, 0, 0xff, 0xff, 0xff, 1]));
    const error = await failed;
    check(error && error.message.includes('byte 6'), `got ${error && error.message}`);
  },
};

(async () => {
  for (const [name, run] of Object.entries(checks)) {
    let outcome;
    try {
      const late = sleep(30000).then(() => { throw new Error('too late'); });
      outcome = (await Promise.race([run(), late])) || 'pass';
    } catch (error) {
      outcome = `fail ${error.message.replace(/\n/g, ' ')}`;
    }
    runner.print(`${name}: ${outcome}`);
  }
  runner.exit();
})();
process.on('uncaughtException', (error) => console.error(`uncaught: ${error.message}`));
