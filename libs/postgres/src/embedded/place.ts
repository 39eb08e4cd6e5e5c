import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, realpathSync, rmdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { canEnter, type Account } from './account.js';
import { EmbeddedPostgresError, hasCode } from './errors.js';

/** Outlives a reboot, unlike /tmp; every account can enter it. */
const SHARED_PARENT = '/var/tmp';
const SHARED_PREFIX = 'token-broker-';

/** Where one cluster keeps its things: the data directory, and its neighbours. */
export interface Place {
  /** Absolute, symbolic links resolved. */
  readonly dataDir: string;
  /** The superuser's password, mode 0600. */
  readonly passwordFile: string;
  /** What the server writes to standard error. */
  readonly logFile: string;
  /** Who started the server; see `owner-file.ts`. */
  readonly ownerFile: string;
}

/**
 * Settles where the data is kept: where the caller asked, unless the account that runs the server cannot
 * get there (a checkout below /root, say). Then it is a directory of its own below /var/tmp, the same one
 * at each start, and `log` is told.
 */
export function choosePlace(
  requested: string,
  account: Account | undefined,
  log: (line: string) => void,
): Place {
  const parent = dirname(requested);
  mkdirSync(parent, { recursive: true });
  if (canEnter(parent, account)) return placeOf(join(realpathSync(parent), basename(requested)));
  const elsewhere = sharedDirectory(shortHash(requested));
  const place = placeOf(join(elsewhere, basename(requested)));
  log(
    `The account "${account?.name}" cannot enter ${parent}: PostgreSQL keeps its data in ${place.dataDir}.`,
  );
  return place;
}

/** Deletes everything that is kept in the place. The server must have stopped. */
export function removePlace(place: Place): void {
  const { dataDir, passwordFile, logFile, ownerFile } = place;
  for (const path of [dataDir, passwordFile, logFile, `${logFile}.1`, ownerFile])
    rmSync(path, { recursive: true, force: true });
  // A directory of our own in /var/tmp, unless another server shares it.
  if (!dirname(dataDir).startsWith(join(SHARED_PARENT, SHARED_PREFIX))) return;
  try {
    rmdirSync(dirname(dataDir));
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY') && !hasCode(error, 'ENOENT')) throw error;
  }
}

/**
 * The directory `token-broker-<name>` below /var/tmp, which every account can enter and only this user can write to.
 *
 * Anybody may create names in /var/tmp, so a directory found there is used only when it is a real
 * directory (no link), ours, and closed to other writers.
 *
 * @throws EmbeddedPostgresError `NOT_A_DATA_DIR` when somebody else made a thing of that name
 */
export function sharedDirectory(name: string): string {
  const dir = join(SHARED_PARENT, `${SHARED_PREFIX}${name}`);
  try {
    mkdirSync(dir, { mode: 0o711 });
    chmodSync(dir, 0o711); // whatever the umask is
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  const stat = lstatSync(dir);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o022) !== 0) {
    throw new EmbeddedPostgresError(
      'NOT_A_DATA_DIR',
      `${dir} exists and is not ours alone: remove it, then start again.`,
    );
  }
  return dir;
}

/** Twelve hexadecimal digits that stand for the text. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function placeOf(dataDir: string): Place {
  return {
    dataDir,
    passwordFile: `${dataDir}.password`,
    logFile: `${dataDir}.log`,
    ownerFile: `${dataDir}.owner`,
  };
}
