import type { ConnectionEvent, FailureChange, RotationSave } from '#libs/core';
import { nextStateSql } from '../state-sql.js';

/** One statement with its parameters. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/**
 * The guard of failures: they are about the present attempt, or about the one whose answer is in doubt while
 * nobody else is at it.
 */
const ATTEMPT_GUARD = `c.uid = $1 AND c.generation = $2 AND (c.attempt_id = $3
  OR (c.attempt_id IS NULL AND c.doubt_attempt_id = $3 AND 'IN_DOUBT' IN (c.state, c.state_before_pause)))`;

/** The guard of a redo, whose attempt a failover has lost: the row is just as it was read. */
function revisionGuard(parameter: number): string {
  return `c.uid = $1 AND c.generation = $2 AND c.attempt_id IS NULL AND c.revision = $${parameter}::bigint`;
}

/**
 * The guard of new tokens. The answer to generation n is the only way to n + 1: it counts as long as the row
 * is at n and the user has not authorized anew, also where the attempt was taken over meanwhile, and where a
 * failover has put the row back to before n: what led from there to n is spent. Client credentials have no
 * generations: there the attempt decides.
 */
const TOKEN_GUARD = `c.uid = $1 AND c.generation <= $2 AND c.authorization_epoch = $18::integer
  AND c.state <> 'REVOKED' AND (c.attempt_id = $3 OR c.grant_type = 'refresh_token')`;

/** No attempt is under way any more. */
export const NO_ATTEMPT = `attempt_id = NULL, attempt_generation = NULL, attempt_replica = NULL,
  attempt_started_at = NULL, attempt_deadline_at = NULL, attempt_spool_id = NULL, attempt_boot_id = NULL,
  attempt_number = NULL`;

/** Nothing is in doubt any more. */
export const NO_DOUBT = `doubt_attempt_id = NULL, doubt_spool_id = NULL, doubted_at = NULL`;

const ATTEMPT_ENDS = `${NO_ATTEMPT}, last_attempt_id = $3,
  revision = revision + 1, updated_at = clock_timestamp()`;

const LAST_ERROR = `last_error_code = $4, last_error_description = $5, last_error_at = $6`;

/** The state after an event; what happens while a connection is paused happens to the state it resumes to. */
function moved(event: ConnectionEvent): string {
  return `state = ${nextStateSql(event)}, state_before_pause = ${nextStateSql(event, 'state_before_pause')}`;
}

/**
 * What is given back was not spent. Where that comes so late that the attempt had been taken over (there is
 * none any more, and the guard held), it was the doubt's own attempt: the doubt is over.
 */
const CLEARED = ['state', 'state_before_pause']
  .map(
    (column) =>
      `${column} = CASE WHEN attempt_id IS NULL THEN ${nextStateSql('cleared', column)} ELSE ${column} END`,
  )
  .concat(
    ['doubt_attempt_id', 'doubt_spool_id', 'doubted_at'].map(
      (column) => `${column} = CASE WHEN attempt_id IS NULL THEN NULL ELSE ${column} END`,
    ),
  )
  .join(', ');

/** The minimal transaction of step 7: one statement, which returns a row only where the guard held. */
export function saveStatement(save: RotationSave): Statement {
  const guard = [save.uid, save.generation, save.attemptId];
  return save.change.kind === 'rotated'
    ? rotated(guard, save.change, save.authorizationEpoch)
    : failed(guard, save.change, save.atRevision);
}

function rotated(
  guard: readonly unknown[],
  change: Extract<RotationSave['change'], { kind: 'rotated' }>,
  authorizationEpoch: number,
): Statement {
  const { accessToken: token } = change;
  const isDefault = token.variantKey === '';
  return {
    sql: `
      WITH moved AS (
        UPDATE token_broker.connection c SET
          generation = CASE WHEN grant_type = 'client_credentials' THEN generation ELSE $4::bigint END,
          sealed_refresh_token = coalesce($5::text, sealed_refresh_token),
          ${moved('rotated')}, ${NO_DOUBT},
          scopes = coalesce($6::text[], scopes),
          due_at = coalesce($7::timestamptz, due_at, now()), planned_at = coalesce($7::timestamptz, planned_at),
          not_before = NULL, failure_count = 0,
          last_error_code = NULL, last_error_description = NULL, last_error_at = NULL,
          expires_at = CASE WHEN $8::boolean THEN $9::timestamptz ELSE expires_at END,
          token_ttl_ms = $10::bigint, last_rotated_at = clock_timestamp(),
          refresh_expires_at = $19::timestamptz, authorization_expires_at = $20::timestamptz,
          ${ATTEMPT_ENDS}
        WHERE ${TOKEN_GUARD}
        RETURNING uid),
      -- Variants that nobody asked for again are not kept for ever.
      purged AS (
        DELETE FROM token_broker.access_token t USING moved
        WHERE t.connection_uid = moved.uid AND t.variant_key <> $11::text AND t.expires_at < now())
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
      authorizationEpoch,
      toDate(change.refreshExpiresAt),
      toDate(change.authorizationExpiresAt),
    ],
  };
}

function failed(guard: readonly unknown[], change: FailureChange, atRevision: number | undefined): Statement {
  const { code, description, at } = change.lastError;
  const base = [...guard, code, description, toDate(at)];
  const update = (set: string, ...more: unknown[]): Statement => {
    const parameters = [...base, ...more, ...(atRevision === undefined ? [] : [atRevision])];
    const where = atRevision === undefined ? ATTEMPT_GUARD : revisionGuard(parameters.length);
    return {
      sql: `UPDATE token_broker.connection c SET ${set}, ${LAST_ERROR}, ${ATTEMPT_ENDS} WHERE ${where} RETURNING uid`,
      parameters,
    };
  };
  switch (change.kind) {
    case 'released':
      if (change.variantOnly) {
        return {
          sql: `UPDATE token_broker.connection c SET ${CLEARED}, ${ATTEMPT_ENDS} WHERE ${ATTEMPT_GUARD} RETURNING uid`,
          parameters: guard,
        };
      }
      return update(
        `${CLEARED}, failure_count = $7, not_before = $8, due_at = $8`,
        change.failureCount,
        toDate(change.notBefore),
      );
    case 'denied':
      return denied(base, change, atRevision);
    case 'doubted':
      return update(
        `${moved('doubted')}, failure_count = failure_count + 1, due_at = $7, not_before = NULL,
         doubt_attempt_id = $3, doubt_spool_id = $8::uuid, doubted_at = coalesce(doubted_at, $6)`,
        toDate(change.probeAt),
        change.askSpool ?? null,
      );
  }
}

/**
 * A denial ends the connection, unless its OAuth client is frozen and the denial has a reprieve. The lock on the
 * OAuth client's row makes a freeze wait for denials that are being saved, and those wait for the freeze: it
 * misses none.
 */
function denied(
  parameters: readonly unknown[],
  change: FailureChange & { kind: 'denied' },
  atRevision: number | undefined,
): Statement {
  const { whileFrozen: doubt } = change;
  const either = (doubted: string, ended: string): string =>
    `CASE WHEN client.reprieve THEN ${doubted} ELSE ${ended} END`;
  return {
    sql: `
      WITH client AS MATERIALIZED (
        SELECT id, frozen_at IS NOT NULL AND $7::boolean AS reprieve FROM token_broker.oauth_client
        WHERE id = (SELECT client_id FROM token_broker.connection WHERE uid = $1)
        FOR SHARE)
      UPDATE token_broker.connection c SET
        state = ${either(nextStateSql('doubted'), nextStateSql('denied'))},
        state_before_pause = ${either(
          nextStateSql('doubted', 'state_before_pause'),
          nextStateSql('denied', 'state_before_pause'),
        )},
        denied_from = ${either('NULL', 'coalesce(state_before_pause, state)')},
        failure_count = failure_count + 1,
        due_at = ${either('$11::timestamptz', 'NULL')},
        planned_at = ${either('planned_at', 'NULL')},
        not_before = ${either('NULL', 'not_before')},
        last_error_code = ${either('$8', '$4')},
        last_error_description = ${either('$9', '$5')},
        last_error_at = ${either('$10::timestamptz', '$6::timestamptz')},
        doubt_attempt_id = ${either('$3::uuid', 'NULL')}, doubt_spool_id = NULL,
        doubted_at = ${either('$10::timestamptz', 'NULL')},
        ${ATTEMPT_ENDS}
      FROM client WHERE ${atRevision === undefined ? ATTEMPT_GUARD : revisionGuard(12)} RETURNING c.uid, client.reprieve AS reprieved`,
    parameters: [
      ...parameters,
      doubt !== undefined,
      doubt?.lastError.code ?? null,
      doubt?.lastError.description ?? null,
      toDate(doubt?.lastError.at),
      toDate(doubt?.probeAt),
    ],
  };
}

/** Milliseconds since the epoch as a parameter of type `timestamptz`. */
export function toDate(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms);
}
