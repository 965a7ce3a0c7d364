// Builds the bundle anew, and notes what it was built from, so that a test can tell without Node
// when the source has moved on.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';

const BUNDLE = '../src/bedplate/console';
const ROOTS = ['index.html', 'package-lock.json', 'svelte.config.js', 'vite.config.ts'];

const sources = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
  .map((entry) => join(entry.parentPath, entry.name).replaceAll('\\', '/'));

const whole = createHash('sha256');
for (const name of [...ROOTS, ...sources].sort()) {
  const digest = createHash('sha256').update(readFileSync(name)).digest('hex');
  whole.update(`${name} ${digest}\n`);
}

rmSync(join(BUNDLE, 'assets'), { recursive: true, force: true });
await build();
writeFileSync(join(BUNDLE, 'source.sha256'), `${whole.digest('hex')}\n`);
