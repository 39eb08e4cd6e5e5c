import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { EmbeddedPostgresError, hasCode } from './errors.js';
import { processIdentity } from './process-identity.js';

/** The right to run a server on one data directory, held by this process until `release`. */
export interface Ownership {
  /** Whether an earlier owner died without releasing: its server may still be running. */
  readonly takenOver: boolean;
  /** Gives the right up. Doing it twice is harmless. */
  release(): void;
}

interface Owner {
  readonly pid: number;
  readonly identity: string;
  /** Tells two holders within one process apart. */
  readonly id: string;
}

/**
 * Makes this process the only one that may start, stop or repair the server on a data directory.
 *
 * PostgreSQL's own `postmaster.pid` cannot serve for this: it says that a server runs, but not whether
 * whoever started it is still there, and only a server whose starter is gone may be stopped.
 *
 * @throws EmbeddedPostgresError `DATA_DIR_IN_USE` while the owner lives
 */
export function takeOwnership(ownerFile: string, dataDir: string): Ownership {
  const mine: Owner = { pid: process.pid, identity: processIdentity(process.pid) ?? '', id: randomUUID() };
  const draft = `${ownerFile}.${mine.id}`;
  writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 });
  let takenOver = false;
  try {
    // A link appears with its whole content or not at all, and fails when the name is taken.
    while (!tryLink(draft, ownerFile)) {
      const owner = readOwner(ownerFile);
      if (owner === undefined) continue; // released just now
      if (lives(owner)) throw inUse(owner, dataDir);
      takenOver = dismiss(owner, ownerFile) || takenOver;
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return {
    takenOver,
    release: () => {
      if (readOwner(ownerFile)?.id === mine.id) rmSync(ownerFile, { force: true });
    },
  };
}

/** Removes a dead owner's file, and only that one: another process may be replacing it just now. */
function dismiss(dead: Owner, ownerFile: string): boolean {
  const aside = `${ownerFile}.${randomUUID()}`;
  try {
    renameSync(ownerFile, aside);
  } catch {
    return false; // somebody else dismissed it
  }
  const wasDead = readOwner(aside)?.id === dead.id;
  if (!wasDead) tryLink(aside, ownerFile);
  rmSync(aside, { force: true });
  return wasDead;
}

function lives(owner: Owner): boolean {
  return processIdentity(owner.pid) === owner.identity;
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** A file that cannot be understood counts as a dead owner's. */
function readOwner(path: string): Owner | undefined {
  try {
    const read = JSON.parse(readFileSync(path, 'utf8')) as Partial<Owner> | null;
    return { pid: read?.pid ?? 0, identity: read?.identity ?? 'unknown', id: read?.id ?? '' };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (error instanceof SyntaxError) return { pid: 0, identity: 'unknown', id: '' };
    throw error;
  }
}

function inUse(owner: Owner, dataDir: string): EmbeddedPostgresError {
  const who = owner.pid === process.pid ? 'this process' : `process ${owner.pid}`;
  return new EmbeddedPostgresError(
    'DATA_DIR_IN_USE',
    `The embedded PostgreSQL in ${dataDir} is in use by ${who}, which is still running. Stop that one first, or use another data directory.`,
  );
}
