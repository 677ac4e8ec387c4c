// Runs the compiled tests of a folder: node test.mjs unit|server|browser [name]. ctest does the same.
import { readdirSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

const [folder = 'unit', name = ''] = process.argv.slice(2);
const files = readdirSync(`build/test/${folder}`)
  .filter((file) => file.endsWith('.test.js') && file.startsWith(name)).map((file) => `build/test/${folder}/${file}`);
const { status } = spawnSync(process.execPath, ['--test', ...files], { stdio: 'inherit' });
process.exit(status ?? 1);
