import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from '@swc/core';

/** This app compiled to a directory of its own, so that specs can run it as a process without a build. */
export interface CompiledApp {
  main: string;
  remove: () => void;
}

/** Compiles the app's sources. The directory is inside the repository: packages are found from there. */
export function compileForSpec(): CompiledApp {
  const source = join(import.meta.dirname, '..');
  const cache = join(source, '../../../node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const target = mkdtempSync(join(cache, 'dev-as-'));
  writeFileSync(join(target, 'package.json'), '{"type":"module"}');
  for (const name of readdirSync(source)) {
    if (!name.endsWith('.ts') || name.endsWith('.spec.ts')) continue;
    const { code } = transformSync(readFileSync(join(source, name), 'utf8'), {
      filename: name,
      jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
      module: { type: 'es6' },
    });
    writeFileSync(join(target, name.replace(/\.ts$/, '.js')), code);
  }
  return { main: join(target, 'main.js'), remove: () => rmSync(target, { recursive: true, force: true }) };
}
