import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the programs of Debian's packages are. */
export interface Programs {
  readonly etcd: string;
  readonly patroni: string;
  readonly haproxy: string;
  /** The directory with `postgres`, `initdb` and `pg_rewind`. */
  readonly postgresBin: string;
}

/** The system account that PostgreSQL runs as when this process is root. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** What the run needs is not installed; the message says what to do. */
export class MissingPackagesError extends Error {
  override readonly name = 'MissingPackagesError';
}

const PACKAGES = { etcd: 'etcd-server', patroni: 'patroni', haproxy: 'haproxy', postgresBin: 'postgresql' };
const POSTGRES_VERSIONS = '/usr/lib/postgresql';

/** Finds the programs. @throws {MissingPackagesError} */
export function findPrograms(): Programs {
  const found = {
    etcd: onPath('etcd'),
    patroni: onPath('patroni'),
    haproxy: onPath('haproxy'),
    postgresBin: newestPostgres(),
  };
  const missing = (Object.keys(PACKAGES) as (keyof typeof PACKAGES)[]).filter((name) => !found[name]);
  if (missing.length > 0) {
    throw new MissingPackagesError(
      `The failover run needs Debian packages that are not installed. As root:\n  apt-get update && apt-get install -y ${missing.map((name) => PACKAGES[name]).join(' ')}\nThe run starts its own servers on free ports; the ones that the packages start may be stopped.`,
    );
  }
  return found as Programs;
}

/**
 * The account to run the cluster as: PostgreSQL refuses to run as root (manual, section 19.1).
 * @returns `undefined` where this process is not root: the cluster then runs as this process does
 * @throws {MissingPackagesError}
 */
export function clusterAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('postgres:'));
  const [name = '', , uid, gid] = line?.split(':') ?? [];
  if (line === undefined) {
    throw new MissingPackagesError(
      'There is no account "postgres": apt-get install -y postgresql makes it. Or run as another user than root.',
    );
  }
  return { name, uid: Number(uid), gid: Number(gid) };
}

/** How Patroni talks to etcd: by its API of version 2 or 3. */
export type EtcdApi = 'etcd' | 'etcd3';

/**
 * The API that this Patroni is safe with. Up to 3.0.2 (Debian 12) one that was frozen for longer than its ttl
 * takes the leader's key back from its successor over the API of version 3, whatever the key says
 * (patroni/patroni#2689): both were primaries, and the successor's commits are thrown away.
 */
export function safeEtcdApi(patroni: string): EtcdApi {
  const { stdout } = spawnSync(patroni, ['--version'], { encoding: 'utf8' });
  const [major = 0, minor = 0, patch = 0] = (/(\d+)\.(\d+)\.(\d+)/.exec(stdout) ?? []).slice(1).map(Number);
  const version = (major * 100 + minor) * 100 + patch;
  return version > 3_00_02 ? 'etcd3' : 'etcd';
}

function onPath(program: string): string | undefined {
  const dirs = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  return dirs
    .filter(Boolean)
    .map((dir) => join(dir, program))
    .find(isExecutable);
}

function newestPostgres(): string | undefined {
  let versions: string[] = [];
  try {
    versions = readdirSync(POSTGRES_VERSIONS);
  } catch {
    // Not installed.
  }
  return versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(POSTGRES_VERSIONS, version, 'bin'))
    .find((bin) => isExecutable(join(bin, 'initdb')) && isExecutable(join(bin, 'postgres')));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
