import type { DataSource, EntityManager } from 'typeorm';
import type { Canary, Connection, Freeze, FreezeStore } from '#libs/core';
import { toConnection } from '../mapping.js';
import type { ConnectionRow } from '../rows.js';
import { nextStateSql } from '../state-sql.js';
import { translated } from '../store-errors.js';
import { toDate } from './rotation-changes.js';

const FREEZE = `
  UPDATE token_broker.oauth_client SET frozen_at = now(), frozen_reason = $2, frozen_by = $3
  WHERE id = $1 AND frozen_at IS NULL AND (NOT $4::boolean OR coalesce(denials_accepted_until < now(), true))
  RETURNING id`;

/** Two hours: doubts are probed as late as is safe, and tokens live for an hour or so. */
const ACCEPTED = `interval '2 hours'`;

/** A thaw is a change: whoever remembers failures of before forgets them. */
const THAW = `
  UPDATE token_broker.oauth_client
  SET frozen_at = NULL, frozen_reason = NULL, frozen_by = NULL,
    canary = CASE WHEN $2::boolean THEN NULL ELSE 'thawed' END,
    denials_accepted_until = CASE WHEN $2::boolean THEN now() + ${ACCEPTED} END,
    revision = revision + 1, updated_at = now()
  WHERE id = $1 AND frozen_at IS NOT NULL RETURNING id`;

const PROVE_CANARY = `
  UPDATE token_broker.oauth_client SET canary = NULL
  WHERE id = $1 AND canary = $2 AND frozen_at IS NULL
    AND ($2 <> 'thawed' OR $3 = 'refresh_token' OR NOT EXISTS (
      SELECT FROM token_broker.connection
      WHERE client_id = $1 AND grant_type = 'refresh_token' AND state IN ('ACTIVE', 'IN_DOUBT')))
  RETURNING id`;

/** Denials of the same kind and the same time, but for those of probes. */
const DENIED_ALIKE = `
  SELECT * FROM token_broker.connection
  WHERE client_id = $1 AND coalesce(state_before_pause, state) = 'REAUTHORIZATION_REQUIRED'
    AND denied_from = 'ACTIVE' AND last_error_code = $2 AND last_error_at >= $3
    AND sealed_refresh_token IS NOT NULL AND attempt_id IS NULL
  FOR UPDATE SKIP LOCKED`;

const RECONSIDER = `
  UPDATE token_broker.connection SET
    state = ${nextStateSql('reconsidered')}, state_before_pause = ${nextStateSql('reconsidered', 'state_before_pause')},
    doubt_attempt_id = coalesce(last_attempt_id, gen_random_uuid()), doubt_spool_id = NULL, doubted_at = $5,
    denied_from = NULL, due_at = $2, planned_at = $2, not_before = NULL,
    last_error_code = $3, last_error_description = $4, last_error_at = $5,
    revision = revision + 1, updated_at = clock_timestamp()
  WHERE uid = $1`;

type Reconsider = NonNullable<Parameters<FreezeStore['freeze']>[2]>;

/** The freeze and the canary of OAuth clients. */
export class PostgresFreezeStore implements FreezeStore {
  constructor(private readonly source: DataSource) {}

  async freeze(
    clientId: string,
    { reason, by }: Omit<Freeze, 'at'>,
    reconsider?: Reconsider,
  ): Promise<{ frozen: boolean; reconsidered: number }> {
    return translated(() =>
      this.source.transaction(async (manager) => {
        const frozen = await changes(manager, FREEZE, [clientId, reason, by, reconsider !== undefined]);
        const reconsidered = frozen && reconsider ? await takeBack(manager, clientId, reconsider) : 0;
        return { frozen, reconsidered };
      }),
    );
  }

  async thaw(clientId: string, acceptDenials: boolean): Promise<boolean> {
    return translated(() => changes(this.source, THAW, [clientId, acceptDenials]));
  }

  async proveCanary(clientId: string, canary: Canary, by: Connection['grantType']): Promise<boolean> {
    return translated(() => changes(this.source, PROVE_CANARY, [clientId, canary, by]));
  }
}

/** A statement of its own after the freeze: it sees the denials that the freeze has waited for. */
async function takeBack(
  manager: EntityManager,
  clientId: string,
  { code, since, decide }: Reconsider,
): Promise<number> {
  const rows = await manager.query<ConnectionRow[]>(DENIED_ALIKE, [clientId, code, toDate(since)]);
  for (const row of rows) {
    const { lastError, probeAt } = decide(toConnection(row));
    const { code: doubt, description, at } = lastError;
    await manager.query(RECONSIDER, [row.uid, toDate(probeAt), doubt, description, toDate(at)]);
  }
  return rows.length;
}

/** Runs an update; answers whether it changed a row. TypeORM answers it as [rows, count]. */
async function changes(
  source: Pick<DataSource, 'query'>,
  sql: string,
  parameters: unknown[],
): Promise<boolean> {
  const [rows] = await source.query<[unknown[], number]>(sql, parameters);
  return rows.length > 0;
}
