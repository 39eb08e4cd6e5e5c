/** The statements about the budget of an OAuth client (see `budget.ts` of libs/core for its rules). */

/**
 * A replica that is stopped with the lock in hand must not keep the others from claiming: the server ends its
 * session (PostgreSQL manual, idle_in_transaction_session_timeout). For this transaction only.
 */
const BRIEFLY = `set_config('idle_in_transaction_session_timeout', '5s', true)`;

/**
 * Whoever holds this lock claims for the OAuth client; nobody waits for it. A statement of its own: only the
 * next one sees what the holder before has committed (PostgreSQL manual, section 13.2.1).
 */
export const LOCK_BUDGET = `
  SELECT client_id, ${BRIEFLY} FROM (
    SELECT client_id FROM token_broker.client_budget WHERE client_id = $1 FOR UPDATE SKIP LOCKED) locked`;

/** The same, by a connection. */
export const LOCK_BUDGET_OF_CONNECTION = `
  SELECT client_id, ${BRIEFLY} FROM (
    SELECT client_id FROM token_broker.client_budget
    WHERE client_id = (SELECT client_id FROM token_broker.connection WHERE uid = $1)
    FOR UPDATE SKIP LOCKED) locked`;

/** What is read under the lock; the time is the database's, and of this very moment. */
export const BUDGET_FACTS = `
  WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS at)
  SELECT b.available, k.rate_per_second, k.max_concurrent, k.canary, k.frozen_at, k.frozen_reason, k.frozen_by,
    extract(epoch FROM clock.at)::float8 AS at,
    extract(epoch FROM clock.at - b.refilled_at)::float8 * 1000 AS since_refill_ms,
    -- Further ahead than it is ever set, the clock has been set back since.
    coalesce(b.demand_until > clock.at AND b.demand_until < clock.at + interval '1 second', false) AS demand_waits,
    (SELECT count(*) FROM token_broker.connection c
     WHERE c.client_id = b.client_id AND c.attempt_id IS NOT NULL)::integer AS open_attempts
  FROM token_broker.client_budget b JOIN token_broker.oauth_client k ON k.id = b.client_id CROSS JOIN clock
  WHERE b.client_id = $1`;

/** For half a second nothing is claimed for the background: somebody waits. */
export const DEMAND_WAITS = `
  UPDATE token_broker.client_budget SET demand_until = clock_timestamp() + interval '500 milliseconds'
  WHERE client_id = $1
    AND coalesce(demand_until < clock_timestamp() + interval '250 milliseconds', true)`;

/** A row of {@link BUDGET_FACTS}. */
export interface BudgetFactsRow {
  readonly available: number;
  readonly rate_per_second: number;
  readonly max_concurrent: number;
  readonly canary: string | null;
  readonly frozen_at: Date | null;
  readonly frozen_reason: string | null;
  readonly frozen_by: string | null;
  /** Seconds since the epoch, to the microsecond. */
  readonly at: number;
  readonly since_refill_ms: number;
  readonly demand_waits: boolean;
  readonly open_attempts: number;
}
