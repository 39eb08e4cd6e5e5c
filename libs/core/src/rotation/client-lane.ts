import { sleep } from '../clock.js';
import { DEFAULT_VARIANT } from '../connection/variant.js';
import type { Claim, ClaimBatch, ClaimRequest, RotationStore } from './ports.js';
import type { RotationGates } from './gates.js';
import type { Rotator } from './rotator.js';
import type { Slot } from './slots.js';

/** The shortest pause between two claims that a budget keeps apart: what comes meanwhile is claimed together. */
const SHORTEST_PAUSE_MS = 20;

/** How long at the most a lane waits for another rotation to end before it looks again. */
const LONGEST_WAIT_MS = 1_000;

/** What a lane needs. */
export interface LaneParts {
  readonly store: Pick<RotationStore, 'claimDue'>;
  readonly rotator: Pick<Rotator, 'rotate'>;
  readonly gates: RotationGates;
  readonly claimRequest: ClaimRequest;
  /** Is told of the faults of single rotations. */
  readonly report: (error: unknown) => void;
  /** Aborted: nothing more is claimed. */
  readonly stopping: AbortSignal;
}

/**
 * Rotates what is due of one OAuth client until nothing is, as fast as its budget, its breaker and this
 * replica's slots let it. Each OAuth client has a lane of its own, so that none waits for another.
 * @throws {StoreUnavailableError}
 */
export async function runLane(clientId: string, parts: LaneParts): Promise<void> {
  const { store, gates, claimRequest, stopping } = parts;
  while (!stopping.aborted && !gates.spending.objection) {
    const admission = gates.breakers.admission(clientId);
    // The rows keep their place; the next tick looks again.
    if (admission.kind === 'open') return;
    const atMost = admission.kind === 'closed' ? Number.POSITIVE_INFINITY : 1;
    const slots = admission.kind === 'trial' ? [] : gates.slots.takeForBackground(clientId, atMost);
    if (slots.length === 0) {
      await untilRoom(parts);
      continue;
    }
    const trialOver = gates.breakers.begin(clientId);
    const left = [...slots];
    try {
      const batch = await store.claimDue({ ...claimRequest, clientId, limit: slots.length });
      for (const claim of batch.claims) void carryOut(claim, left.pop(), trialOver, parts);
      if (batch.claims.length === 0) trialOver();
      // What the budget did not let through is given back before anybody waits.
      giveBack(left);
      if (batch.againInMs === undefined || isUpToOthers(clientId, batch, gates)) return;
      if (batch.againInMs > 0) await untilRoom(parts, Math.max(batch.againInMs, SHORTEST_PAUSE_MS));
    } catch (error) {
      trialOver();
      throw error;
    } finally {
      giveBack(left);
    }
  }
}

/** Only the end of rotations elsewhere makes room: whoever has them goes on, and the next tick looks again. */
function isUpToOthers(clientId: string, { limit }: ClaimBatch, { slots }: RotationGates): boolean {
  return limit !== undefined && limit !== 'rate' && slots.backgroundOf(clientId) === 0;
}

async function carryOut(
  claim: Claim,
  slot: Slot | undefined,
  trialOver: () => void,
  { rotator, report }: LaneParts,
): Promise<void> {
  try {
    await rotator.rotate(claim, DEFAULT_VARIANT, 'schedule');
  } catch (error) {
    report(error);
  } finally {
    trialOver();
    slot?.release();
  }
}

function giveBack(slots: Slot[]): void {
  for (const slot of slots.splice(0)) slot.release();
}

/** Waits for a slot to be given back, which may also make room in the budget, or for the time given. */
async function untilRoom({ gates, stopping }: LaneParts, ms?: number): Promise<void> {
  const over = new AbortController();
  const stop = (): void => over.abort();
  stopping.addEventListener('abort', stop, { once: true });
  if (!stopping.aborted) {
    await Promise.race([gates.slots.released(), sleep(ms ?? LONGEST_WAIT_MS, over.signal)]);
  }
  over.abort();
  stopping.removeEventListener('abort', stop);
}
