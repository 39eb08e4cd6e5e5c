import { DATABASE_FACTS, MAY_LACK_REDO } from './fleet-sql.js';

/**
 * The statements of the rotation protocol. `now()` is the start of the transaction, which is short and does
 * nothing else; `clock_timestamp()` would keep the planner from using the indexes.
 */
const ATTEMPT = `
  attempt_id = gen_random_uuid(), attempt_generation = c.generation, attempt_replica = $1,
  attempt_started_at = now(), attempt_deadline_at = now() + $2::float8 * interval '1 millisecond',
  attempt_spool_id = $6::uuid, attempt_boot_id = $7::uuid,
  attempt_number = nextval('token_broker.attempt_number')`;

/**
 * Whether this replica may spend at this database now: see `Membership` in core, which says why
 * where it may not. Here it holds for every claim, whatever a replica believes.
 */
const MAY_SPEND = `(
  SELECT bool_and(i.frozen_at IS NULL AND i.system_identifier = d.system_identifier
      AND r.admitted_at IS NOT NULL AND r.lost_at IS NULL AND r.timeline = d.timeline
      AND d.attempt_number >= $8::bigint
      AND NOT EXISTS (SELECT FROM token_broker.replica o WHERE ${MAY_LACK_REDO} AND o.timeline <> d.timeline))
  FROM token_broker.installation i, token_broker.replica r, (${DATABASE_FACTS}) d
  WHERE r.spool_id = $6::uuid AND r.boot_id = $7::uuid)`;

/** How many due rows are looked at before it counts as a backlog. */
const CLAIM_WINDOW = 100;

/** How many of the soonest to expire are looked at in a backlog, due or not. */
const CLAIM_FRONT = 1_000;

const CLAIMABLE = `attempt_id IS NULL AND state IN ('ACTIVE', 'IN_DOUBT')`;

/**
 * Takes what was claimed from the budget, in the statement that claims: $3 the OAuth client, $4 what was
 * available, $5 when, in seconds since the epoch. $6 to $8 are the replica's spool, life and attempt floor.
 */
const CLAIMED_FROM_BUDGET = `
  claimed AS (
    UPDATE token_broker.connection c SET ${ATTEMPT}
    FROM wanted WHERE c.uid = wanted.uid
    RETURNING c.*),
  taken AS (
    UPDATE token_broker.client_budget
    SET available = $4::float8 - (SELECT count(*) FROM claimed), refilled_at = to_timestamp($5::float8)
    WHERE client_id = $3 AND EXISTS (SELECT FROM claimed))
  SELECT * FROM claimed`;

/** The OAuth clients that have something due: one look into the index for each. */
export const DUE_CLIENTS = `
  SELECT k.id FROM token_broker.oauth_client k CROSS JOIN LATERAL (
    SELECT due_at FROM token_broker.connection
    WHERE client_id = k.id AND ${CLAIMABLE} AND due_at <= now()
    ORDER BY due_at LIMIT 1) due
  WHERE k.frozen_at IS NULL
  ORDER BY due.due_at`;

/**
 * Step 1 for what is due of one OAuth client, the soonest to expire first, at a bounded cost: as long as few
 * are due, all of them are looked at by `connection_client_due`. A full window is a backlog, where the front of
 * `connection_client_expiry` is due as well, and has the soonest; where it is not, because many that expire
 * sooner are not due (those that wait after failures, or live shorter), the window goes on.
 * $9 how many. A canary ($10) is chosen from the window, an active user's first: a probe would not be tried
 * again, and client credentials prove little.
 */
export const CLAIM_DUE = `
  WITH seen AS MATERIALIZED (
    SELECT uid, expires_at, state, grant_type FROM token_broker.connection
    WHERE client_id = $3 AND ${CLAIMABLE} AND due_at <= now()
    ORDER BY due_at LIMIT ${CLAIM_WINDOW}),
  backlog AS MATERIALIZED (SELECT NOT $10::boolean AND count(*) = ${CLAIM_WINDOW} AS yes FROM seen),
  front AS MATERIALIZED (
    SELECT uid, expires_at, state, grant_type FROM (
      SELECT uid, expires_at, state, grant_type, due_at FROM token_broker.connection
      WHERE (SELECT yes FROM backlog) AND client_id = $3 AND ${CLAIMABLE}
      ORDER BY expires_at NULLS FIRST LIMIT ${CLAIM_FRONT}) soonest
    WHERE due_at <= now() LIMIT $9),
  wanted AS MATERIALIZED (
    SELECT uid FROM token_broker.connection
    WHERE uid IN (
        SELECT uid FROM (SELECT * FROM front UNION SELECT * FROM seen) candidates
        ORDER BY $10::boolean AND (state <> 'ACTIVE' OR grant_type <> 'refresh_token'), expires_at NULLS FIRST
        LIMIT $9)
      AND ${CLAIMABLE} AND due_at <= now() AND ${MAY_SPEND}
    FOR UPDATE SKIP LOCKED),
  ${CLAIMED_FROM_BUDGET}`;

/** Step 1 for one connection, due or not; one in doubt only when its probe is due. */
export const CLAIM_ONE = `
  WITH wanted AS MATERIALIZED (
    SELECT uid FROM token_broker.connection
    WHERE uid = $9 AND ${CLAIMABLE} AND (state = 'ACTIVE' OR due_at <= now()) AND ${MAY_SPEND}
    FOR UPDATE SKIP LOCKED),
  ${CLAIMED_FROM_BUDGET}`;

/**
 * Step 2: the lock, and the attempt still being there; `now()` is when the transaction began. What was claimed
 * just before its OAuth client was frozen is not sent either.
 */
export const HOLD = `
  SELECT * FROM token_broker.connection
  WHERE uid = $1 AND attempt_id = $2 AND state IN ('ACTIVE', 'IN_DOUBT')
    AND attempt_deadline_at > clock_timestamp()
    AND NOT EXISTS (SELECT FROM token_broker.oauth_client k
                    WHERE k.id = connection.client_id AND k.frozen_at IS NOT NULL)
  FOR UPDATE`;

/**
 * Whether an earlier try of the same save was committed although its answer never came. A rotation counts as
 * committed only with the generation it brought: its attempt may also have been ended by a take-over.
 */
export const ALREADY_SAVED = `
  SELECT 1 FROM token_broker.connection
  WHERE uid = $1 AND last_attempt_id = $2 AND attempt_id IS NULL
    AND ($3::bigint IS NULL OR grant_type = 'client_credentials' OR generation = $3::bigint)`;

/** Attempts of one spool: the replica's name may change from boot to boot, its spool's id does not. */
export const ATTEMPTS_OF = `
  SELECT * FROM token_broker.connection
  WHERE attempt_id IS NOT NULL
    AND (attempt_spool_id = $1::uuid OR (attempt_spool_id IS NULL AND attempt_replica LIKE '%/' || $1::text))`;

/** Doubts whose answer one spool may still have. */
export const DOUBTS_OF = `
  SELECT * FROM token_broker.connection
  WHERE doubt_spool_id = $1::uuid AND attempt_id IS NULL AND 'IN_DOUBT' IN (state, state_before_pause)`;

/** Attempts past their deadline whose lock can be had: whoever made them is gone. */
export const OVERDUE_ATTEMPTS = `
  SELECT * FROM token_broker.connection
  WHERE attempt_id IS NOT NULL AND attempt_deadline_at < now()
  ORDER BY attempt_deadline_at LIMIT $1
  FOR UPDATE SKIP LOCKED`;

/** Several connections at once. */
export const FIND_ALL = `SELECT * FROM token_broker.connection WHERE uid = ANY($1::uuid[])`;
