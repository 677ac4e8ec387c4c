// What is published: small, whole, and without anybody else's code.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

test('the whole client is under 15 KB, packed', () => {
  const size = gzipSync(readFileSync('dist/postroad.min.js'), { level: 9 }).length;
  assert.ok(size < 15_000, `${size} bytes`);
});

test('it depends on nothing, and needs no Buffer', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
  assert.equal(manifest.dependencies, undefined);
  for (const path of [manifest.types, ...Object.values<any>(manifest.exports).flatMap((one) => Object.values<string>(one))]) {
    assert.ok(existsSync(path), path);
  }
  assert.doesNotMatch(readFileSync('dist/postroad.min.js', 'utf8'), /\bBuffer\b|\brequire\(|\bimport\b/);
});

test('importing it touches nothing that Node lacks', async () => {
  const published = await import(new URL(`file://${process.cwd()}/dist/postroad.min.js`).href);
  assert.deepEqual(Object.keys(published).sort(), ['PostroadError', 'connect', 'memoryCursors', 'storageCursors']);
  assert.throws(() => published.connect(), { reason: 'INVALID_OPTION', message: /url/ });
});
