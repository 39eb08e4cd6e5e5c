import type { Refusal } from '../errors.js';

/** Whether this replica may spend now; what it says is from memory. */
export interface SpendingPermit {
  /** Why nothing is claimed; `undefined` where it may be. */
  readonly objection: object | undefined;
  /** For whoever waits for a new token; `undefined` where there is none, or where waiting helps. */
  readonly refusal: Refusal | undefined;
}
