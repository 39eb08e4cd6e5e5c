/**
 * What the database says about itself (PostgreSQL manual, sections 9.28.2 and 9.27.3): which cluster it is, which
 * timeline it writes (a promotion and a point-in-time recovery begin a new one), and how far the attempts have
 * come. A standby writes none: its timeline is -1 here.
 */
export const DATABASE_FACTS = `
  SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
    CASE WHEN pg_is_in_recovery() THEN -1
      ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint END AS timeline,
    (SELECT last_value FROM token_broker.attempt_number) AS attempt_number,
    clock_timestamp() AS now`;

/**
 * Replicas (`o`) whose spool may have records that this timeline lacks: those that have spent within the time
 * for which settled records are kept, and have neither drained nor been declared lost.
 */
export const MAY_LACK_REDO = `o.admitted_at IS NOT NULL AND o.ended_at IS NULL AND o.lost_at IS NULL
  AND o.last_seen_at > now() - interval '15 minutes'`;

/** The installation, the database, and all replicas. */
export const VIEW = `
  SELECT i.*, d.system_identifier AS actual_system_identifier, d.timeline, d.attempt_number, d.now
  FROM token_broker.installation i, (${DATABASE_FACTS}) d`;

/** Those that ended are kept for good, since their spools may come back, but not shown for ever. */
export const REPLICAS = `
  SELECT * FROM token_broker.replica
  WHERE coalesce(ended_at, lost_at, now()) > now() - interval '7 days' OR spool_id = $1::uuid
  ORDER BY name, spool_id`;

/**
 * A replica begins. One that the database does not know is admitted at once where nothing has been spent yet;
 * elsewhere a live replica or an operator has to vouch for it.
 */
export const REGISTER = `
  INSERT INTO token_broker.replica (spool_id, name, boot_id, timeline, admitted_at, admitted_by)
  SELECT $1::uuid, $2, $3::uuid, d.timeline,
    CASE WHEN first.first THEN now() END, CASE WHEN first.first THEN 'first start' END
  FROM (${DATABASE_FACTS}) d,
    (SELECT NOT EXISTS (SELECT FROM token_broker.replica)
       OR NOT EXISTS (SELECT FROM token_broker.connection WHERE sealed_refresh_token IS NOT NULL) AS first) first
  ON CONFLICT (spool_id) DO UPDATE SET
    name = excluded.name, boot_id = excluded.boot_id, started_at = now(), ended_at = NULL, trouble = NULL`;

export const BEAT = `
  UPDATE token_broker.replica SET heartbeat = heartbeat + 1, last_seen_at = clock_timestamp(), trouble = $3
  WHERE spool_id = $1 AND boot_id = $2`;

/** The redo log has been replayed onto the present timeline, and the numbers go on above all that is known. */
export const REDONE = `
  WITH raised AS (
    SELECT setval('token_broker.attempt_number', $3::bigint) FROM (${DATABASE_FACTS}) d
    WHERE d.attempt_number < $3::bigint)
  UPDATE token_broker.replica SET
    timeline = d.timeline, heartbeat = greatest(heartbeat, $4::bigint), lost_at = NULL, lost_by = NULL
  FROM (${DATABASE_FACTS}) d, (SELECT count(*) FROM raised) r
  WHERE spool_id = $1 AND boot_id = $2`;

export const ADMIT = `
  UPDATE token_broker.replica SET admitted_at = now(), admitted_by = $2
  WHERE spool_id = $1 AND admitted_at IS NULL RETURNING *`;

export const DRAINED = `
  UPDATE token_broker.replica SET ended_at = now() FROM (${DATABASE_FACTS}) d
  WHERE spool_id = $1 AND boot_id = $2 AND token_broker.replica.timeline = d.timeline`;

/**
 * Freezes; whoever comes first names the reason, and everybody the highest number that is known. An operator's
 * reason gives way to what is found about the database: that asks for more at the thaw.
 */
export const FREEZE = `
  UPDATE token_broker.installation SET
    attempt_floor = greatest(attempt_floor, $4::bigint),
    frozen_reason = CASE WHEN coalesce(frozen_reason, 'OPERATOR') = 'OPERATOR' THEN $1 ELSE frozen_reason END,
    frozen_detail = CASE WHEN coalesce(frozen_reason, 'OPERATOR') = 'OPERATOR' THEN $2 ELSE frozen_detail END,
    frozen_by = CASE WHEN coalesce(frozen_reason, 'OPERATOR') = 'OPERATOR' THEN $3 ELSE frozen_by END,
    frozen_at = coalesce(frozen_at, now())`;

/** Well above every number that a replica which is away now may know. */
const JUMP = 1_000_000;

export const RAISE_NUMBERS = `
  SELECT setval('token_broker.attempt_number', greatest(s.last_value, i.attempt_floor) + ${JUMP})
  FROM token_broker.attempt_number s, token_broker.installation i`;

export const THAW = `
  UPDATE token_broker.installation SET
    frozen_at = NULL, frozen_reason = NULL, frozen_detail = NULL, frozen_by = NULL, attempt_floor = 0,
    thaws = thaws + 1, thawed_at = clock_timestamp(), thawed_by = $1,
    system_identifier = (SELECT system_identifier::text FROM pg_control_system())`;

/** The database's cluster, where none is known yet. */
export const FIRST_CLUSTER = `
  UPDATE token_broker.installation
  SET system_identifier = (SELECT system_identifier::text FROM pg_control_system())
  WHERE system_identifier IS NULL`;

/** When a probe is due: see `probeAt` in core, for an answer that is known to be gone. */
const PROBE_AT = `greatest(now(), least(
  coalesce(expires_at - least(60000, coalesce(token_ttl_ms, 60000) / 4) * interval '1 millisecond', now()),
  refresh_expires_at - interval '1 minute'))`;

/** All refresh tokens may have been spent: each is in doubt, and is probed once. In batches, within the time of a statement. */
export const DOUBT_ALL = `
  UPDATE token_broker.connection SET
    state = CASE state WHEN 'ACTIVE' THEN 'IN_DOUBT' ELSE state END,
    state_before_pause = CASE state_before_pause WHEN 'ACTIVE' THEN 'IN_DOUBT' ELSE state_before_pause END,
    doubt_attempt_id = gen_random_uuid(), doubt_spool_id = NULL, doubted_at = now(),
    due_at = ${PROBE_AT}, not_before = NULL,
    last_error_code = 'database_outdated',
    last_error_description = 'The database was put back to an older state: the refresh token may have been spent since.',
    last_error_at = now(), revision = revision + 1, updated_at = now()
  WHERE uid IN (
    SELECT uid FROM token_broker.connection
    WHERE grant_type = 'refresh_token' AND attempt_id IS NULL AND 'ACTIVE' IN (state, state_before_pause)
    LIMIT 10000)
  RETURNING uid`;

/** The answers of a lost replica are gone: its attempts are in doubt, and its doubts need not wait for it. */
export const DOUBT_ATTEMPTS_OF = `
  SELECT * FROM token_broker.connection WHERE attempt_spool_id = $1 FOR UPDATE SKIP LOCKED`;

export const FORGET_ANSWERS_OF = `
  UPDATE token_broker.connection SET
    doubt_spool_id = NULL, due_at = ${PROBE_AT}, revision = revision + 1, updated_at = now()
  WHERE doubt_spool_id = $1 AND attempt_id IS NULL`;

export const DECLARE_LOST = `
  UPDATE token_broker.replica SET lost_at = now(), lost_by = $2
  WHERE spool_id = $1 RETURNING *`;
