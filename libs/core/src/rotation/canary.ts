import type { EventSink } from '../events.js';
import { isStoreUnavailable } from '../errors.js';
import { clientName } from '../resource-names.js';
import type { SpendOutcome } from './finish-rotation.js';
import type { FreezeStore } from './freeze-store.js';
import type { Claim } from './ports.js';
import type { RotationListener } from './rotator.js';

/**
 * Lets the fleet follow once the one rotation of an OAuth client that has to prove itself has done so. After a
 * change any word that the server gives about a token will do, since it authenticates the client first
 * (RFC 6749 sections 3.2.1 and 5.2); after a thaw only a granted token. Until then the claim itself lets one
 * rotation through at a time, over all replicas.
 */
export class Canaries implements RotationListener {
  constructor(
    private readonly store: Pick<FreezeStore, 'proveCanary'>,
    private readonly events: EventSink,
  ) {}

  rotationEnded(outcome: SpendOutcome, claim: Claim): void {
    const { canary } = claim;
    if (canary === undefined || outcome.kind === 'superseded') return;
    const granted = outcome.kind === 'rotated';
    if (!granted && (canary === 'thawed' || outcome.failure.kind !== 'final')) return;
    void this.prove(claim, canary);
  }

  /** Where it cannot be stored now, the next rotation proves it again. */
  private async prove({ connection }: Claim, canary: NonNullable<Claim['canary']>): Promise<void> {
    const { clientId, grantType } = connection;
    try {
      if (await this.store.proveCanary(clientId, canary, grantType)) {
        this.events.emit({ type: 'canary.proved', client: clientName(clientId), canary });
      }
    } catch (error) {
      if (isStoreUnavailable(error)) return;
      this.events.emit({ type: 'fault', during: `canary of ${clientName(clientId)}`, error });
    }
  }
}
