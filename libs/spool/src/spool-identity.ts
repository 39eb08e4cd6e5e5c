import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The spool was made for another database. */
export class ForeignSpoolError extends Error {
  override readonly name = 'ForeignSpoolError';
}

interface Identity {
  readonly id: string;
  readonly installationId: string;
}

/**
 * The spool's id, made at the first opening.
 * @throws {ForeignSpoolError} where it was made for another database
 */
export function spoolIdentity(dir: string, installationId: string): string {
  const file = join(dir, 'spool.json');
  let identity: Identity;
  try {
    identity = JSON.parse(readFileSync(file, 'utf8')) as Identity;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    identity = { id: randomUUID(), installationId };
    writeFileSync(`${file}.new`, JSON.stringify(identity), { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  }
  if (identity.installationId !== installationId) {
    throw new ForeignSpoolError(
      `The spool ${dir} belongs to another database (installation ${identity.installationId}). Give this replica another directory, or that database.`,
    );
  }
  return identity.id;
}
