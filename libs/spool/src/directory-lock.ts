import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** The directory is another process's. */
export class SpoolInUseError extends Error {
  override readonly name = 'SpoolInUseError';
}

interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When the process began, by the kernel: a process id alone is used again. */
  readonly started: string;
}

/**
 * Takes a directory for this process. A lock whose process is gone is taken over; one of another host is
 * respected, since whether that process lives cannot be seen from here.
 * @returns releases it
 * @throws {SpoolInUseError}
 */
export function lockDirectory(dir: string): () => void {
  const file = join(dir, 'owner.json');
  const me: Owner = { host: hostname(), pid: process.pid, started: startOf(process.pid) ?? '' };
  const mine = join(dir, `owner.${randomUUID()}`);
  writeFileSync(mine, JSON.stringify(me), { mode: 0o600, flag: 'wx' });
  try {
    for (let tries = 0; tries < 3; tries += 1) {
      try {
        // A link fails where the name exists: of two processes that start at once, one gets it.
        linkSync(mine, file);
        return () => rmSync(file, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        removeIfAbandoned(file, me, dir);
      }
    }
    throw new SpoolInUseError(`The spool ${dir} is being taken by another process.`);
  } finally {
    rmSync(mine, { force: true });
  }
}

function removeIfAbandoned(file: string, me: Owner, dir: string): void {
  let owner: Owner;
  try {
    owner = JSON.parse(readFileSync(file, 'utf8')) as Owner;
  } catch {
    rmSync(file, { force: true });
    return;
  }
  if (owner.host !== me.host) {
    throw new SpoolInUseError(
      `The spool ${dir} belongs to process ${owner.pid} on ${owner.host}. Where that one has ended for good, remove ${file} and start again.`,
    );
  }
  const abandoned = owner.pid === me.pid || startOf(owner.pid) !== owner.started;
  if (!abandoned) {
    throw new SpoolInUseError(
      `The spool ${dir} is in use by process ${owner.pid}. Each replica needs a spool directory of its own.`,
    );
  }
  rmSync(file, { force: true });
}

/** When a process began (proc(5), field 22 of `stat`); `undefined` where there is none. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    try {
      process.kill(pid, 0);
      return '';
    } catch {
      return undefined;
    }
  }
}
