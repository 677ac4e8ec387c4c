// Runs one of this folder's scripts in headless Chromium: node chromium.js <script> <page> <arguments of the script>,
// in a folder whose node_modules has the client, esbuild, buffer and playwright-core. `page` is an address of the
// server that the script talks to.
const path = require('path');
const fs = require('fs');
const load = (name) => require(path.join(process.cwd(), 'node_modules', name));
const esbuild = load('esbuild');
const { chromium } = load('playwright-core');

const [script, page, ...args] = process.argv.slice(2);
const modules = ['rsocket-core', 'rsocket-websocket-client', 'rsocket-flowable']
  .filter((name) => fs.existsSync(path.join('node_modules', name)));

async function bundle() {
  const folder = path.join(process.cwd(), 'chromium');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'client.js'),
    `module.exports = {${modules.map((name) => `'${name}': require('${name}')`)}, 'rsocket-tcp-client': {}};\n`);
  const entry = path.join(folder, 'entry.js');
  fs.writeFileSync(entry, `require(${JSON.stringify(path.join(__dirname, 'chromium_runner.js'))});\n`
    + `require(${JSON.stringify(path.join(__dirname, script))});\n`);
  const made = await esbuild.build({
    entryPoints: [entry], bundle: true, write: false, platform: 'browser', format: 'iife', logLevel: 'error',
    alias: { 'client-under-test': path.join(folder, 'client.js') },
    external: ['path', 'child_process', 'net', 'tls'],
    nodePaths: [path.join(process.cwd(), 'node_modules')],
    define: { INTEROP_ARGS: JSON.stringify(args) },
  });
  return made.outputFiles[0].text;
}

(async () => {
  const content = await bundle();
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  const tab = await browser.newPage();
  const ended = new Promise((done) => tab.on('console', (message) => {
    if (message.text() === 'interop: end') done();
    else (message.type() === 'log' ? console.log : console.error)(message.text());
  }));
  tab.on('pageerror', (error) => console.error(`uncaught: ${error.message}`));
  await tab.goto(page);
  // Not awaited: what a page's script throws is told by pageerror.
  await tab.evaluate((text) => { setTimeout(() => (0, eval)(text), 0); }, content);
  await ended;
  await browser.close();
})().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
