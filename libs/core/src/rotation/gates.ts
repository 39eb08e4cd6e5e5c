import type { Freeze } from '../oauth-client/oauth-client.js';
import type { Breakers } from './breaker.js';
import type { Slots } from './slots.js';
import type { SpendingPermit } from './spending-permit.js';

/** What stands between a wish to rotate and its claim, in this replica. The claim itself has the last word. */
export interface RotationGates {
  readonly slots: Slots;
  readonly breakers: Breakers;
  /** The freeze of an OAuth client as this replica knows it. */
  readonly freezeOf: (clientId: string) => Freeze | undefined;
  /** Whether this replica may spend at all. */
  readonly spending: SpendingPermit;
}
