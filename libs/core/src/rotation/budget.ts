import type { Canary } from '../oauth-client/oauth-client.js';

/**
 * The budget of one OAuth client, which all replicas share (promise P11): a token bucket of rotations per
 * second, and a bound on the attempts that are open at once. A store reads the facts under the lock of the
 * client's row, and these rules say what may be claimed; nothing here knows of a database.
 */

/** What an administrator sets. */
export interface BudgetSettings {
  /** Rotations begun per second, on the average. */
  readonly ratePerSecond: number;
  /** Attempts open at once. */
  readonly maxConcurrent: number;
}

/** What a store reads under the lock. */
export interface BudgetFacts extends BudgetSettings {
  /** What was left when the bucket was last looked at. */
  readonly available: number;
  /** How long ago that was by the database's clock; below zero where the clock was set back. */
  readonly sinceRefillMs: number;
  /** Attempts that are open now, whichever replica made them. */
  readonly openAttempts: number;
  /** Somebody on whichever replica waits for this budget right now. */
  readonly demandWaits: boolean;
  /** The OAuth client has to prove itself first: one rotation at a time. */
  readonly canary?: Canary;
}

/** Whom a claim is for: the scheduler's, or somebody's who waits. */
export type BudgetUse = 'background' | 'demand';

/** What keeps from claiming more. */
export type BudgetLimit = 'rate' | 'concurrency' | 'canary' | 'demand';

/** What may be claimed now. */
export interface BudgetRoom {
  /** How many claims may be made. */
  readonly room: number;
  /** What is in the bucket now, before they are taken from it. */
  readonly available: number;
  /** What keeps from more than that. */
  readonly limit: BudgetLimit;
}

/** Where only the end of an attempt, or of a wait, makes room: when to look again. */
const LOOK_AGAIN_MS = 200;

/** How much the bucket holds: what a second brings, and at least one. In any time W at most rate × W + burst are begun. */
export function burstOf({ ratePerSecond }: Pick<BudgetSettings, 'ratePerSecond'>): number {
  return Math.max(1, ratePerSecond);
}

/**
 * What the background leaves for reads on demand: a fifth of the burst, and a quarter of the concurrency; at
 * least one of each, where there is more than one.
 */
export function reserveOf(settings: BudgetSettings): {
  readonly available: number;
  readonly concurrency: number;
} {
  const burst = burstOf(settings);
  return {
    available: burst >= 2 ? Math.max(1, Math.floor(burst / 5)) : 0,
    concurrency: settings.maxConcurrent >= 2 ? Math.max(1, Math.floor(settings.maxConcurrent / 4)) : 0,
  };
}

/** How many rotations may be claimed now. Reads on demand come before the background. */
export function roomIn(facts: BudgetFacts, use: BudgetUse): BudgetRoom {
  const available = availableIn(facts);
  const reserve = use === 'background' ? reserveOf(facts) : { available: 0, concurrency: 0 };
  const concurrency =
    (facts.canary === undefined ? facts.maxConcurrent - reserve.concurrency : 1) - facts.openAttempts;
  const rate = Math.floor(available - reserve.available);
  if (use === 'background' && facts.demandWaits) return { room: 0, available, limit: 'demand' };
  if (rate < concurrency) return { room: Math.max(0, rate), available, limit: 'rate' };
  const limit = facts.canary === undefined ? 'concurrency' : 'canary';
  return { room: Math.max(0, concurrency), available, limit };
}

/** When asking again may bring more, in milliseconds, after `taken` of the room were used. */
export function againIn(settings: BudgetSettings, use: BudgetUse, room: BudgetRoom, taken: number): number {
  if (room.limit !== 'rate') return LOOK_AGAIN_MS;
  const reserve = use === 'background' ? reserveOf(settings).available : 0;
  const missing = 1 + reserve - (room.available - taken);
  return Math.max(1, Math.ceil((missing / settings.ratePerSecond) * 1_000));
}

/**
 * What is in the bucket now. A clock that was set back brings nothing; one that jumped ahead, no more than a full
 * bucket.
 */
export function availableIn(
  facts: Pick<BudgetFacts, 'ratePerSecond' | 'available' | 'sinceRefillMs'>,
): number {
  const gained = (Math.max(0, facts.sinceRefillMs) / 1_000) * facts.ratePerSecond;
  return Math.min(burstOf(facts), facts.available + gained);
}
