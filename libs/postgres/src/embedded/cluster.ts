import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Account } from './account.js';
import type { Binaries } from './binaries.js';
import { EmbeddedPostgresError } from './errors.js';
import type { Place } from './place.js';

/** Name of the superuser that `initdb` makes: for the development profile and the tests only. */
export const SUPERUSER = 'postgres';

const run = promisify(execFile);

/** What `ensureCluster` needs; one object, because the four always travel together. */
export interface ClusterOptions {
  readonly place: Place;
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  /** Leave out the flush to disk: for throw-away data only. */
  readonly noSync: boolean;
  readonly log: (line: string) => void;
}

/**
 * Makes the data directory when there is none yet, and checks one that exists. Call it as its owner, with
 * no server running.
 *
 * `initdb` ("Creating a Database Cluster", manual section 18.2) works under a temporary name, and the
 * finished directory is renamed: a data directory under its own name is always a whole one.
 *
 * @returns the superuser's password
 * @throws EmbeddedPostgresError `OTHER_MAJOR_VERSION`, `NOT_A_DATA_DIR`, `START_FAILED`
 */
export async function ensureCluster(options: ClusterOptions): Promise<string> {
  const { place } = options;
  removeInterrupted(place.dataDir);
  if (isEmptyOrMissing(place.dataDir)) await createCluster(options);
  checkVersion(place.dataDir, options.binaries.major);
  if (existsSync(place.passwordFile)) return readFileSync(place.passwordFile, 'utf8').trim();
  throw new EmbeddedPostgresError(
    'NOT_A_DATA_DIR',
    `${place.passwordFile} is missing, so nobody can log in to the data in ${place.dataDir}. ${startOver(place.dataDir)}`,
  );
}

async function createCluster({ place, binaries, account, noSync, log }: ClusterOptions): Promise<void> {
  log(`Creating a PostgreSQL ${binaries.major} data directory in ${place.dataDir}.`);
  const draft = `${place.dataDir}.initdb-${randomBytes(4).toString('hex')}`;
  const password = randomBytes(24).toString('hex');
  const draftPassword = `${draft}.password`;
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(draftPassword, password, { mode: 0o600 });
  if (account !== undefined)
    for (const path of [draft, draftPassword]) chownSync(path, account.uid, account.gid);
  try {
    await run(
      binaries.initdb,
      [
        `--pgdata=${draft}`,
        `--username=${SUPERUSER}`,
        `--pwfile=${draftPassword}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--no-instructions',
        ...(noSync ? ['--no-sync'] : []),
      ],
      {
        cwd: '/',
        env: { PATH: process.env['PATH'], LC_ALL: 'C' },
        ...(account && { uid: account.uid, gid: account.gid }),
      },
    );
    // The password first: a data directory without one would be of no use, the reverse does no harm.
    if (account !== undefined) chownSync(draftPassword, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
    chmodSync(draftPassword, 0o600);
    renameSync(draftPassword, place.passwordFile);
    renameSync(draft, place.dataDir); // replaces an empty directory, see rename(2)
  } catch (cause) {
    rmSync(draft, { recursive: true, force: true });
    rmSync(draftPassword, { force: true });
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new EmbeddedPostgresError('START_FAILED', `initdb failed: ${detail}`, { cause });
  }
}

/** What an `initdb` that was cut short left behind. */
function removeInterrupted(dataDir: string): void {
  for (const name of readdirSync(dirname(dataDir))) {
    if (!name.startsWith(`${basename(dataDir)}.initdb-`)) continue;
    rmSync(join(dirname(dataDir), name), { recursive: true, force: true });
  }
}

function isEmptyOrMissing(dataDir: string): boolean {
  if (!existsSync(dataDir)) return true;
  return statSync(dataDir).isDirectory() && readdirSync(dataDir).length === 0;
}

function checkVersion(dataDir: string, major: string): void {
  const file = join(dataDir, 'PG_VERSION');
  if (!existsSync(file)) {
    throw new EmbeddedPostgresError(
      'NOT_A_DATA_DIR',
      `${dataDir} holds something else than PostgreSQL data. ${startOver(dataDir)}`,
    );
  }
  const found = readFileSync(file, 'utf8').trim();
  if (found === major) return;
  throw new EmbeddedPostgresError(
    'OTHER_MAJOR_VERSION',
    `The data in ${dataDir} was written by PostgreSQL ${found}, and this is PostgreSQL ${major}, which cannot read it. ${startOver(dataDir)}`,
  );
}

/**
 * Checks that a data directory which exists belongs to the user that the server runs as, as PostgreSQL
 * demands. Asked first of all: nothing in it can be read otherwise.
 *
 * @throws EmbeddedPostgresError `NOT_A_DATA_DIR`
 */
export function checkOwner(dataDir: string, account: Account | undefined): void {
  const expected = account?.uid ?? process.getuid?.();
  const found = statSync(dataDir, { throwIfNoEntry: false })?.uid;
  if (expected === undefined || found === undefined || found === expected) return;
  if (expected !== process.getuid?.() && isEmptyOrMissing(dataDir)) return; // ours to replace, as root
  throw new EmbeddedPostgresError(
    'NOT_A_DATA_DIR',
    `${dataDir} belongs to user id ${found}, and the server would run as ${expected}. Start as that user, or as root. ${startOver(dataDir)}`,
  );
}

function startOver(dataDir: string): string {
  return `To start over with an empty development database, delete it: rm -rf "${dataDir}"`;
}
