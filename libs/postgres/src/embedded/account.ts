import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { EmbeddedPostgresError } from './errors.js';

/** The system account that runs the server when this process is root. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Tried in this order; these are present on every Linux base image and on macOS. */
const UNPRIVILEGED = ['nobody', 'daemon', 'bin'];

/**
 * The account to run the server as. PostgreSQL refuses to run as root ("The PostgreSQL User Account",
 * manual section 18.1), and the account must exist, because `initdb` looks its name up.
 *
 * A data directory that already belongs to an ordinary user keeps that owner, so that one start under
 * `sudo` does not lock the developer out of the data.
 *
 * @returns `undefined` when this process is not root: the server then runs as this process does
 * @throws EmbeddedPostgresError `BINARIES_UNUSABLE` when no account can be found
 */
export function accountFor(dataDir: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readAccounts();
  const owner = ownerOf(dataDir);
  const found =
    (owner === undefined ? undefined : accounts.find((account) => account.uid === owner)) ??
    UNPRIVILEGED.map((name) => accounts.find((account) => account.name === name)).find(Boolean);
  if (found !== undefined) return found;
  throw new EmbeddedPostgresError(
    'BINARIES_UNUSABLE',
    `PostgreSQL does not run as root, and none of ${UNPRIVILEGED.join(', ')} is in /etc/passwd: start as another user.`,
  );
}

/** Whether the account can get into the directory. Tried for real, since mode bits are not the whole truth (ACLs). */
export function canEnter(dir: string, account: Account | undefined): boolean {
  if (account === undefined) return true;
  const { uid, gid } = account;
  return (
    spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', dir], { uid, gid, cwd: '/', stdio: 'ignore' }).status === 0
  );
}

function readAccounts(): Account[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => Number.isSafeInteger(uid) && uid > 0 && Number.isSafeInteger(gid) && gid >= 0);
}

function ownerOf(dataDir: string): number | undefined {
  const stat = statSync(dataDir, { throwIfNoEntry: false });
  return stat === undefined || stat.uid === 0 ? undefined : stat.uid;
}
