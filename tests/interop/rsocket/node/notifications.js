// A Spring-style application's client against `postroad serve`: node notifications.js <version>
// <url> <program> <grpc address> <name of this run>; see js0.js for what it prints.
const runner = require('./runner.js');

const [version, url, program, server, run] = runner.args;
const { load } = runner;
const core = load('rsocket-core');
const websocket = load('rsocket-websocket-client');
global.WebSocket = load('ws');

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const modern = version.startsWith('1.');
const ROUTING = 'message/x.rsocket.routing.v0';
const COMPOSITE = 'message/x.rsocket.composite-metadata.v0';
const post = (user, text) => runner.post(program, server, `user/${user}`, text);

function metadataOf(mime, route, prefixed = true) {
  const tag = prefixed ? Buffer.concat([Buffer.from([route.length]), Buffer.from(route)]) : Buffer.from(route);
  return mime === ROUTING ? tag : Buffer.concat([Buffer.from([0xfe, 0, 0, tag.length]), tag]);
}

// What a stream gives: {items, error}.
async function open({ user, mime, metadata, data = '{}' }) {
  const seen = { items: [], error: null };
  // 0.0.7 cannot give SETUP a payload: it names the user in the address.
  const target = version === '0.0.7' ? `${url}?user=${user}` : url;
  const request = { data: Buffer.from(data), metadata };
  const setup = {
    keepAlive: 500, lifetime: 1500, dataMimeType: 'application/json', metadataMimeType: mime,
    payload: { data: Buffer.from(user) },
  };
  if (modern) {
    const transport = new websocket.WebsocketClientTransport({ url: target, wsCreator: (u) => new WebSocket(u) });
    const socket = await new core.RSocketConnector({ setup, transport }).connect();
    socket.onClose((error) => { seen.error = seen.error || error; });
    socket.requestStream(request, 0x7fffffff, {
      onNext: (payload) => seen.items.push(payload), onError: (error) => { seen.error = error; },
      onComplete() {}, onExtension() {},
    });
    seen.close = () => socket.close();
    return seen;
  }
  const transport = new websocket.default({ url: target, wsCreator: (u) => new WebSocket(u) }, core.BufferEncoders);
  const client = new core.RSocketClient({ setup, transport });
  const socket = await new Promise((done, failed) => client.connect().subscribe({ onComplete: done, onError: failed }));
  socket.requestStream(request).subscribe({
    onSubscribe: (subscription) => subscription.request(0x7fffffff),
    onNext: (payload) => seen.items.push(payload), onError: (error) => { seen.error = error; }, onComplete() {},
  });
  seen.close = () => socket.close();
  return seen;
}
const until = async (condition, ms = 5000) => {
  for (const end = Date.now() + ms; !condition() && Date.now() < end;) await sleep(5);
  return condition();
};
function check(holds, what) { if (!holds) throw new Error(what); }
const text = (seen) => seen.items.map((payload) => payload.data.toString()).join();
const userOf = (name) => `${name}-${version}-${run}`;

const checks = {
  async 'live notifications'() {
    for (const [mime, route] of [[ROUTING, 'notifications.stream'], [ROUTING, '/'], [COMPOSITE, 'notifications.stream']]) {
      const user = userOf(`live${route.length}${mime.length}`);
      const seen = await open({ user, mime, metadata: metadataOf(mime, route) });
      await sleep(2000); // past its lifetime
      post(user, '{"n":1}');
      check(await until(() => seen.items.length === 1), seen.error ? seen.error.message : 'nothing came');
      check(text(seen) === '{"n":1}', text(seen));
      seen.close();
    }
  },
  async 'what came while away'() {
    const user = userOf('away');
    const stream = { user, mime: COMPOSITE, metadata: metadataOf(COMPOSITE, 'notifications.stream') };
    const first = await open(stream);
    await sleep(300);
    post(user, '"seen"');
    check(await until(() => first.items.length === 1), 'nothing came');
    first.close();
    const metadata = first.items[0].metadata.toString();
    const { cursor } = JSON.parse(metadata.slice(metadata.indexOf('{')));
    post(user, '"missed"');
    const second = await open({ ...stream, data: JSON.stringify({ cursor }) });
    check(await until(() => second.items.length === 1), second.error ? second.error.message : 'nothing came');
    check(text(second) === '"missed"', text(second));
    second.close();
  },
  async 'blank user'() {
    const seen = await open({ user: '', mime: ROUTING, metadata: metadataOf(ROUTING, '/') });
    check(await until(() => seen.error), 'no error');
    check(seen.error.message.includes('NO_USER'), seen.error.message);
  },
  async 'route without its length'() {
    const seen = await open({
      user: userOf('wrong'), mime: ROUTING, metadata: metadataOf(ROUTING, 'notifications.stream', false),
    });
    check(await until(() => seen.error), 'no error');
    check(seen.error.message.includes('sent without its length byte'), seen.error.message);
    seen.close();
  },
};

(async () => {
  for (const [name, run] of Object.entries(checks)) {
    let outcome;
    try {
      const late = sleep(20000).then(() => { throw new Error('too late'); });
      outcome = (await Promise.race([run(), late])) || 'pass';
    } catch (error) {
      outcome = `fail ${String(error && error.message).replace(/\n/g, ' ')}`;
    }
    runner.print(`${name}: ${outcome}`);
  }
  runner.exit();
})();
process.on('uncaughtException', (error) => console.error(`uncaught: ${error.message}`));
