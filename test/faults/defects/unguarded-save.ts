import type { RotationSave, RotationStore } from '#libs/core';
import type { PostgresRotationStore } from '#libs/postgres';
import { over } from './over.js';

/**
 * Seeded defect: a save that is not guarded by generation and attempt: `UPDATE … WHERE uid = …`. Whoever
 * comes late, a replica that was cut off from the database with an answer in hand, overwrites what has been
 * granted since.
 */
export function unguardedSave(real: PostgresRotationStore): RotationStore {
  /** The save with the guard that the row has just now, whatever it was made for. */
  const unguarded = async (save: RotationSave): Promise<RotationSave> => {
    const row = await real.find(save.uid);
    if (!row) return save;
    const { generation, authorizationEpoch } = row;
    return { ...save, generation, authorizationEpoch, attemptId: row.attempt?.id ?? save.attemptId };
  };
  return over(real, {
    save: async (save) => real.save(await unguarded(save)),
  });
}
