// The npm client 1.0.0-alpha.3: node js1.js <version> <transport> <host> <port>; see js0.js.
const runner = require('./runner.js');

const [version, transport, host, port] = runner.args;
const { load } = runner;
const { RSocketConnector } = load('rsocket-core');
const { TcpClientTransport } = load('rsocket-tcp-client');
const { WebsocketClientTransport } = load('rsocket-websocket-client');
const WebSocket = load('ws');

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const text = (payload) => payload && payload.data && payload.data.toString();
let lastSocket = null;

function rawTransport() {
  if (transport === 'tcp') {
    return new TcpClientTransport({
      connectionOptions: { host, port: Number(port) },
      socketCreator: (options) => (lastSocket = require('net').connect(options)),
    });
  }
  return new WebsocketClientTransport({
    url: `ws://${host}:${port}/rsocket`, wsCreator: (url) => (lastSocket = new WebSocket(url)),
  });
}
const cut = () => (transport === 'tcp' ? lastSocket.destroy() : runner.cut(lastSocket));

const connect = ({ setup = {}, ...rest } = {}) => new RSocketConnector({
  setup: { keepAlive: 60000, lifetime: 180000, ...setup }, transport: rawTransport(), ...rest,
}).connect();
const ask = (socket, data, metadata) => new Promise((done, failed) => socket.requestResponse(
  { data: Buffer.from(data), metadata: metadata && Buffer.from(metadata) },
  { onNext: done, onError: failed, onComplete() {}, onExtension() {} },
));
function collector() {
  const seen = { items: [], complete: false, error: null };
  seen.ended = new Promise((done) => {
    seen.subscriber = {
      onNext: (payload, complete) => {
        seen.items.push(payload);
        if (complete) { seen.complete = true; done(); }
      },
      onComplete: () => { seen.complete = true; done(); },
      onError: (error) => { seen.error = error; done(); },
      onExtension() {},
    };
  });
  return seen;
}
function stream(socket, data, credit = 0x7fffffff) {
  const seen = collector();
  seen.subscription = socket.requestStream({ data: Buffer.from(data) }, credit, seen.subscriber);
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
    for (let i = 0; i < 10; i++) {
      socket.fireAndForget({ data: Buffer.from('x') }, { onComplete() {}, onError() {} });
    }
    check(text(await ask(socket, 'counts')) === '10 0', 'not all came');
    socket.close();
  },
  async 'metadata push'() { return 'none it is not implemented'; },
  async 'request-stream'() {
    const socket = await connect();
    const seen = stream(socket, '1000');
    await seen.ended;
    check(seen.complete && seen.items.length === 1000, `${seen.items.length} came`);
    check(seen.items.every((payload, i) => text(payload) === String(i)), 'out of order');
    socket.close();
  },
  async 'backpressure'() {
    const socket = await connect();
    const seen = stream(socket, '100', 5);
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
    const socket = await connect();
    const seen = collector();
    const wanted = Array.from({ length: 50 }, (_, i) => String(i));
    let next = 1;
    let requester;
    const send = (n) => {
      for (; n > 0 && next < wanted.length; n--, next++) {
        requester.onNext({ data: Buffer.from(wanted[next]) }, next + 1 === wanted.length);
      }
    };
    requester = socket.requestChannel({ data: Buffer.from(wanted[0]) }, 0x7fffffff, false,
      { ...seen.subscriber, request: (n) => setImmediate(send, n), cancel() {} });
    await seen.ended;
    check(!seen.error, seen.error && seen.error.message);
    check(seen.items.map(text).join() === wanted.join(), `${seen.items.length} came`);
    socket.close();
  },
  async 'server asks client'() {
    const socket = await connect({
      responder: {
        requestResponse(payload, responder) {
          responder.onNext({ data: Buffer.from(`re ${text(payload)}`) }, true);
          return { cancel() {}, onExtension() {} };
        },
      },
    });
    check(text(await ask(socket, 'ask why')) === 're why', 'another answer');
    socket.close();
  },
  async 'large payloads'() {
    const socket = await connect({ fragmentation: { maxOutboundFragmentSize: 60000 } });
    const large = Buffer.alloc(1 << 20, 7);
    check((await ask(socket, large)).data.equals(large), 'the echo differs');
    check((await ask(socket, 'size 4000000')).data.length === 4000000, 'another size');
    socket.close();
  },
  async 'keepalive past its lifetime'() {
    const socket = await connect({ setup: { keepAlive: 500, lifetime: 4000 } });
    let closed = null;
    socket.onClose((error) => { closed = error || new Error('closed'); });
    const seen = stream(socket, '1000000000 1000', 1);
    for (const end = Date.now() + 9000; Date.now() < end;) {
      seen.subscription.request(50);
      await sleep(20);
    }
    check(!closed && !seen.error, (closed || seen.error || {}).message);
    check(seen.items.length > 1000, `${seen.items.length} came`);
    seen.subscription.cancel();
    socket.close();
  },
  async 'resumption'() {
    const socket = await connect({
      resume: {
        tokenGenerator: () => Buffer.from(`js1-${process.pid}-${transport}`),
        reconnectFunction: () => sleep(100),
      },
    });
    const seen = stream(socket, '100', 5);
    check(await until(() => seen.items.length === 5), 'the first did not come');
    cut();
    await sleep(300);
    seen.subscription.request(10);
    check(await until(() => seen.items.length >= 15), `${seen.items.length} came after it`);
    check(seen.items.every((payload, i) => text(payload) === String(i)), 'lost, repeated or out of order');
    socket.close();
  },
  async 'lease'() {
    const socket = await connect({ lease: { maxPendingRequests: 16 } });
    check(text(await ask(socket, 'leased')) === 'leased', 'the echo differs');
    socket.close();
  },
  async 'refused SETUP'() {
    const socket = await connect({ setup: { payload: { data: Buffer.from('refuse me') } } });
    const error = await new Promise((done) => {
      socket.onClose(done);
      ask(socket, 'x').catch(done);
    });
    check(error && error.message.includes('refused as asked'), `got ${error && error.message}`);
  },
  async 'server restart'() {
    const socket = await connect();
    let closed = false;
    socket.onClose(() => { closed = true; });
    const lost = await ask(socket, 'restart').then(() => null, (e) => e);
    check(lost, 'the restart was answered');
    check(await until(() => closed), 'it was not closed');
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
    const failed = new Promise((done) => { socket.onClose(done); });
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
      outcome = `fail ${String(error && error.message).replace(/\n/g, ' ')}`;
    }
    runner.print(`${name}: ${outcome}`);
  }
  runner.exit();
})();
process.on('uncaughtException', (error) => console.error(`uncaught: ${error.message}`));
