import type { ConnectionEvent, FailureChange, RotationSave } from '#libs/core';
import { nextStateSql } from '../state-sql.js';

/** One statement with its parameters. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/**
 * The guard of every save: this generation and this attempt. An attempt that another replica took over may
 * still bring its answer, as long as nothing has been done about the doubt since.
 */
const GUARD = `c.uid = $1 AND c.generation = $2
  AND (c.attempt_id = $3 OR (c.attempt_id IS NULL AND c.last_attempt_id = $3
    AND 'IN_DOUBT' IN (c.state, c.state_before_pause)))`;

const ATTEMPT_ENDS = `attempt_id = NULL, attempt_generation = NULL, attempt_replica = NULL,
  attempt_started_at = NULL, attempt_deadline_at = NULL, last_attempt_id = $3,
  revision = revision + 1, updated_at = clock_timestamp()`;

const LAST_ERROR = `last_error_code = $4, last_error_description = $5, last_error_at = $6`;

/** The state after an event; what happens while a connection is paused happens to the state it resumes to. */
function moved(event: ConnectionEvent): string {
  return `state = ${nextStateSql(event)}, state_before_pause = ${nextStateSql(event, 'state_before_pause')}`;
}

/** The minimal transaction of step 7: one statement, which returns a row only where the guard held. */
export function saveStatement(save: RotationSave): Statement {
  const guard = [save.uid, save.generation, save.attemptId];
  return save.change.kind === 'rotated' ? rotated(guard, save.change) : failed(guard, save.change);
}

function rotated(
  guard: readonly unknown[],
  change: Extract<RotationSave['change'], { kind: 'rotated' }>,
): Statement {
  const { accessToken: token } = change;
  const isDefault = token.variantKey === '';
  return {
    sql: `
      WITH moved AS (
        UPDATE token_broker.connection c SET
          generation = CASE WHEN grant_type = 'client_credentials' THEN generation ELSE $4::bigint END,
          sealed_refresh_token = coalesce($5::text, sealed_refresh_token),
          ${moved('rotated')},
          scopes = coalesce($6::text[], scopes),
          due_at = coalesce($7::timestamptz, due_at), planned_at = coalesce($7::timestamptz, planned_at),
          not_before = NULL, failure_count = 0,
          last_error_code = NULL, last_error_description = NULL, last_error_at = NULL,
          expires_at = CASE WHEN $8::boolean THEN $9::timestamptz ELSE expires_at END,
          token_ttl_ms = $10::bigint, last_rotated_at = clock_timestamp(),
          ${ATTEMPT_ENDS}
        WHERE ${GUARD}
        RETURNING uid)
      INSERT INTO token_broker.access_token
        (connection_uid, variant_key, sealed_token, token_type, scopes, resource, generation,
         requested_at, expires_at)
      SELECT uid, $11::text, $12::text, $13::text, $14::text[], $15::text, $16::bigint, $17::timestamptz,
        $9::timestamptz
      FROM moved
      ON CONFLICT (connection_uid, variant_key) DO UPDATE SET
        sealed_token = excluded.sealed_token, token_type = excluded.token_type, scopes = excluded.scopes,
        resource = excluded.resource, generation = excluded.generation,
        requested_at = excluded.requested_at, expires_at = excluded.expires_at
      RETURNING connection_uid`,
    parameters: [
      ...guard,
      change.generation,
      change.refreshToken ?? null,
      change.scopes ?? null,
      toDate(change.dueAt),
      isDefault,
      toDate(token.expiresAt),
      change.tokenTtlMs,
      token.variantKey,
      token.token,
      token.tokenType,
      token.scopes,
      token.resource,
      token.generation,
      toDate(token.requestedAt),
    ],
  };
}

function failed(guard: readonly unknown[], change: FailureChange): Statement {
  const { code, description, at } = change.lastError;
  const parameters = [...guard, code, description, toDate(at)];
  const update = (set: string): string =>
    `UPDATE token_broker.connection c SET ${set}, ${LAST_ERROR}, ${ATTEMPT_ENDS} WHERE ${GUARD} RETURNING uid`;
  switch (change.kind) {
    case 'released':
      return {
        sql: update('failure_count = $7, not_before = $8, due_at = $8'),
        parameters: [...parameters, change.failureCount, toDate(change.notBefore)],
      };
    case 'denied':
      return {
        sql: update(
          `${moved('denied')}, failure_count = failure_count + 1, due_at = NULL, planned_at = NULL`,
        ),
        parameters,
      };
    case 'doubted':
      return {
        sql: update(`${moved('doubted')}, failure_count = failure_count + 1, due_at = $7, not_before = NULL`),
        parameters: [...parameters, toDate(change.probeAt)],
      };
  }
}

/** Milliseconds since the epoch as a parameter of type `timestamptz`. */
export function toDate(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms);
}
