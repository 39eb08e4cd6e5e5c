import { createHash } from 'node:crypto';

/**
 * Where a connection stands among all others, in [0, 1): by a hash of its uid, so that it is the same on every
 * replica and after every restart, and connections that were made together are far apart.
 */
export function phaseOf(uid: string): number {
  return createHash('sha256').update(uid).digest().readUIntBE(0, 6) / 2 ** 48;
}
