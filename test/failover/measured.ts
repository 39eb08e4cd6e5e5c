import type { Unhealthy } from './connections.js';
import type { ReadFigures } from './observe/readers.js';

/** Reads before, during and after. */
export type Reads = Record<'before' | 'during' | 'after', ReadFigures>;

/** What one scenario came to, measured and judged. */
export interface ScenarioFigures extends Measured {
  readonly verdict: 'kept' | 'broken';
  /** Every promise that did not hold, as a sentence. */
  readonly broken: readonly string[];
}

/** What one scenario came to. */
export interface Measured {
  readonly scenario: string;
  /** Whether another node was promoted; where not, "promotion" is when the way to the old one was open again. */
  readonly promotes: boolean;
  readonly faultToPromotionMs: number | null;
  readonly promotionToRestApiMs: number | null;
  /** Until a client that knows nothing of failovers had a write acknowledged through HAProxy. */
  readonly promotionToFirstWriteMs: number | null;
  /** Until each replica had committed its first rotation. */
  readonly promotionToFirstRotationMs: Record<string, number | null>;
  readonly rotationsPerMinute: { readonly before: number; readonly after: number };
  /** Rotations that were answered and could not be saved at once. */
  readonly answersThatWaited: number;
  readonly heldReads: Reads;
  readonly rotatingReads: Reads;
  readonly writes: {
    readonly acknowledged: number;
    readonly lost: number;
    readonly byOldPrimaryAfterPromotion: number;
  };
  readonly doubleSpends: number;
  /** Refresh tokens that were presented again with an excuse: the probe of a doubt, a plain retry. */
  readonly presentedAgain: Record<string, number>;
  readonly chainsKilled: number;
  readonly failedRotations: Record<string, number>;
  /** Connections that were put in doubt or ended, and why; some are well again by now. */
  readonly doubted: Record<string, number>;
  readonly denied: Record<string, number>;
  readonly takenOver: number;
  /** How many connections did not come back to life, and the first of them. */
  readonly lostLineages: number;
  readonly notSettled: readonly Unhealthy[];
  readonly faults: readonly string[];
  readonly seen: Record<string, string>;
}
