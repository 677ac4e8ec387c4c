// Where the scripts of this folder run: Node here, Chromium by chromium_runner.js.
module.exports = globalThis.interopRunner ?? node();

function node() {
  const path = require('path');
  const { execFileSync } = require('child_process');
  return {
    args: process.argv.slice(2),
    /** A module of the client under test, from the folder that it was started in. */
    load: (name) => require(path.join(process.cwd(), 'node_modules', name)),
    /** Posts an event, by the postroad program. */
    post: (program, server, topic, text) => execFileSync(program, ['post', '--server', server, topic, text]),
    cut: (socket) => socket.terminate(),
    print: (line) => console.log(line),
    exit: () => process.exit(0),
  };
}
