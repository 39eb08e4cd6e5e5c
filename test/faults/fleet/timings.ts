/** The times of a campaign, in milliseconds: short, so that deadlines pass, and take-overs and probes happen. */
export interface Timings {
  readonly exchangeTimeoutMs: number;
  readonly attemptDeadlineMs: number;
  readonly tickMs: number;
}

export const TIMINGS: Timings = { exchangeTimeoutMs: 1_500, attemptDeadlineMs: 3_000, tickMs: 100 };

/**
 * When PostgreSQL ends the transaction of a replica that has fallen silent, counted from its lock: the
 * broker's margin (`apps/broker/src/foundation.ts`) over the attempt's deadline.
 */
export const IDLE_IN_TRANSACTION_MS = TIMINGS.attemptDeadlineMs + 30_000;

/** Two OAuth clients: one rotates in time, one at the last moment, so that a doubt is probed at once. */
export const CLIENTS = [
  { name: 'early', clientId: 'faults-early', tokenTtlSeconds: 4, rotateAt: 0.5 },
  { name: 'late', clientId: 'faults-late', tokenTtlSeconds: 5, rotateAt: 0.9 },
] as const;
