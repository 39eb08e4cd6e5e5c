import type { Claim, HeldAttempt, RotationStore } from '#libs/core';
import type { Database, PostgresRotationStore } from '#libs/postgres';
import { over } from './over.js';

/**
 * Seeded defect: no committed attempt. The row lock alone guards the spending, as in many implementations:
 * `SELECT … FOR UPDATE`, spend, save. A process that dies between sending and saving leaves no trace, and the
 * token is spent once more by whoever comes next.
 */
export function noAttempt(real: PostgresRotationStore, database: Database): RotationStore {
  const forgotten = async (claims: readonly Claim[]): Promise<void> => {
    await database.main.query(
      `UPDATE token_broker.connection SET attempt_id = NULL, attempt_generation = NULL, attempt_replica = NULL,
         attempt_started_at = NULL, attempt_deadline_at = NULL
       WHERE attempt_id = ANY($1::uuid[])`,
      [claims.map(({ attempt }) => attempt.id)],
    );
  };
  return over(real, {
    claimDue: async (...args) => {
      const batch = await real.claimDue(...args);
      if (batch.claims.length > 0) await forgotten(batch.claims);
      return batch;
    },
    claimOne: async (...args) => {
      const claimed = await real.claimOne(...args);
      if (claimed.kind === 'claimed') await forgotten([claimed.claim]);
      return claimed;
    },
    hold: (claim) => lockOnly(claim, real, database),
  });
}

/** The lock, whoever claimed what; a save lets it go first, since it has a transaction of its own. */
async function lockOnly(
  claim: Claim,
  real: PostgresRotationStore,
  database: Database,
): Promise<HeldAttempt | undefined> {
  const { uid } = claim.connection;
  const runner = database.rotation.createQueryRunner();
  let open = true;
  const release = async (): Promise<void> => {
    if (!open) return;
    open = false;
    await runner.rollbackTransaction().catch(() => undefined);
    await runner.release().catch(() => undefined);
  };
  await runner.startTransaction();
  const rows = (await runner.query(
    `SELECT uid FROM token_broker.connection WHERE uid = $1 AND generation = $2 FOR UPDATE SKIP LOCKED`,
    [uid, claim.attempt.generation],
  )) as unknown[];
  const connection = rows.length > 0 ? await real.find(uid) : undefined;
  if (!connection) {
    await release();
    return undefined;
  }
  return {
    connection,
    save: async (save) => {
      await release();
      return real.save(save);
    },
    release,
  };
}
