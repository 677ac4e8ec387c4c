// Makes the single files of dist: postroad.min.js (an ES module) and postroad.global.js (a script that
// sets `Postroad`), both of them whole.
import { build } from 'esbuild';

const common = { entryPoints: ['src/index.ts'], bundle: true, minify: true, target: 'es2022', legalComments: 'none' };
await build({ ...common, format: 'esm', outfile: 'dist/postroad.min.js' });
await build({ ...common, format: 'iife', globalName: 'Postroad', outfile: 'dist/postroad.global.js' });
