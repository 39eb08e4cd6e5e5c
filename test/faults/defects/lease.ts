import type { RotationStore } from '#libs/core';
import type { PostgresRotationStore } from '#libs/postgres';
import { over } from './over.js';

/** How long a claim counts. */
const LEASE_MS = 400;

/**
 * Seeded defect: a lease by time in the place of the row lock. Nobody holds anything during the exchange, and
 * an attempt is taken over as soon as its time is up. A process that was stopped for a moment wakes up and
 * spends a token that its successor has spent.
 */
export function lease(real: PostgresRotationStore): RotationStore {
  return over(real, {
    claimDue: (request, ...rest) => real.claimDue({ ...request, attemptDeadlineMs: LEASE_MS }, ...rest),
    claimOne: (uid, request, ...rest) =>
      real.claimOne(uid, { ...request, attemptDeadlineMs: LEASE_MS }, ...rest),
    hold: async ({ connection: { uid }, attempt }) => {
      const connection = await real.find(uid);
      if (connection?.attempt?.id !== attempt.id) return undefined;
      return { connection, save: (save) => real.save(save), release: async () => undefined };
    },
  });
}
