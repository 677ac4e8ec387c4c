// Makes a page what node/runner.js is to the scripts of this folder. node/chromium.js bundles it, with
// `client-under-test` standing for the client's modules.
const { Buffer } = require('buffer');

// The client looks for these as it is loaded.
globalThis.Buffer = Buffer;
globalThis.global = globalThis;
globalThis.setImmediate = (task, ...args) => setTimeout(task, 0, ...args);
globalThis.process = {
  env: {}, pid: Math.floor(Math.random() * 1e9), on() {}, nextTick: (task, ...args) => queueMicrotask(() => task(...args)),
};
const client = require('client-under-test');

const NativeWebSocket = globalThis.WebSocket;
globalThis.interopRunner = {
  args: INTEROP_ARGS,
  load: (name) => (name === 'ws' ? NativeWebSocket : client[name]),
  // The page is the server's own, so it may post.
  post: (_, __, topic, text) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/v1/events', false);
    request.setRequestHeader('Content-Type', 'application/json');
    request.send(JSON.stringify({ topic, payload: text }));
    if (request.status !== 200) throw new Error(request.responseText);
  },
  cut: (socket) => socket.close(),
  print: (line) => console.log(line),
  exit: () => console.log('interop: end'),
};
