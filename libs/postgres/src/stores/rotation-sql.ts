import { DATABASE_FACTS, MAY_LACK_REDO } from './fleet-sql.js';

/**
 * The statements of the rotation protocol. `now()` is the start of the statement here, since each runs in a
 * transaction of its own; `clock_timestamp()` would keep the planner from using the indexes.
 */
const ATTEMPT = `
  attempt_id = gen_random_uuid(), attempt_generation = c.generation, attempt_replica = $1,
  attempt_started_at = now(), attempt_deadline_at = now() + $2::float8 * interval '1 millisecond',
  attempt_spool_id = $4::uuid, attempt_boot_id = $5::uuid,
  attempt_number = nextval('token_broker.attempt_number')`;

/**
 * Whether this replica may spend at this database now: see `DatabaseGuard` and `Membership` in core, which say
 * why where it may not. Here it holds for every claim, whatever a replica believes.
 */
const MAY_SPEND = `(
  SELECT bool_and(i.frozen_at IS NULL AND i.system_identifier = d.system_identifier
      AND r.admitted_at IS NOT NULL AND r.lost_at IS NULL AND r.timeline = d.timeline
      AND d.attempt_number >= $6::bigint
      AND NOT EXISTS (SELECT FROM token_broker.replica o WHERE ${MAY_LACK_REDO} AND o.timeline <> d.timeline))
  FROM token_broker.installation i, token_broker.replica r, (${DATABASE_FACTS}) d
  WHERE r.spool_id = $4::uuid AND r.boot_id = $5::uuid)`;

const CLAIMABLE = `attempt_id IS NULL AND state IN ('ACTIVE', 'IN_DOUBT')`;

/** Step 1 for what is due: `FOR UPDATE SKIP LOCKED`, so that replicas share the work without waiting. */
export const CLAIM_DUE = `
  WITH due AS MATERIALIZED (
    SELECT uid FROM token_broker.connection
    WHERE ${CLAIMABLE} AND due_at <= now() AND ${MAY_SPEND}
    ORDER BY due_at LIMIT $3
    FOR UPDATE SKIP LOCKED)
  UPDATE token_broker.connection c SET ${ATTEMPT}
  FROM due WHERE c.uid = due.uid
  RETURNING c.*`;

/** Step 1 for one connection, due or not; one in doubt only when its probe is due. */
export const CLAIM_ONE = `
  WITH wanted AS MATERIALIZED (
    SELECT uid FROM token_broker.connection
    WHERE uid = $3 AND ${CLAIMABLE} AND (state = 'ACTIVE' OR due_at <= now()) AND ${MAY_SPEND}
    FOR UPDATE SKIP LOCKED)
  UPDATE token_broker.connection c SET ${ATTEMPT}
  FROM wanted WHERE c.uid = wanted.uid
  RETURNING c.*`;

/** Step 2: the lock, and the attempt still being there; `now()` is when the transaction began. */
export const HOLD = `
  SELECT * FROM token_broker.connection
  WHERE uid = $1 AND attempt_id = $2 AND state IN ('ACTIVE', 'IN_DOUBT')
    AND attempt_deadline_at > clock_timestamp()
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
