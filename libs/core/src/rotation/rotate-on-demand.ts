import { sleep, type Clock } from '../clock.js';
import type { Connection } from '../connection/connection.js';
import type { Variant } from '../connection/variant.js';
import type { Refusal } from '../errors.js';
import type { RotationTrigger } from '../events.js';
import { inDoubt, refusalForState, serverDown } from '../connection/refusals.js';
import type { ClaimRequest, RotationStore } from './ports.js';
import type { Rotator } from './rotator.js';
import type { SpendOutcome } from './finish-rotation.js';

/** Wakes whoever waits for news of a connection. A hint only: waiters poll as well. */
export interface ChangeHints {
  /** Resolves at the next change of the connection, at abort, or never. */
  changed(uid: string, signal: AbortSignal): Promise<void>;
}

const POLL_EVERY_MS = 250;

/**
 * Rotates one connection because somebody needs it now. Where another replica is at it already, waits for
 * that one's result instead.
 */
export class DemandRotations {
  constructor(
    private readonly store: RotationStore,
    private readonly rotator: Rotator,
    private readonly hints: ChangeHints,
    private readonly clock: Clock,
    private readonly claimRequest: ClaimRequest,
  ) {}

  /**
   * @param adopt looks at the row before anything is spent: whoever finds there what it needs (the loser of
   *   a race finds the winner's token) answers it, and nothing is spent
   * @param deadline a {@link Clock.monotonic} instant
   * @returns what was adopted, the outcome of the rotation, or why there is none
   * @throws {StoreUnavailableError}
   */
  async rotate<T>(
    uid: string,
    variant: Variant,
    trigger: RotationTrigger,
    deadline: number,
    adopt: (connection: Connection) => Promise<T | undefined>,
  ): Promise<{ adopted: T } | { outcome: SpendOutcome } | { refusal: Refusal }> {
    for (;;) {
      const connection = await this.store.find(uid);
      if (connection === undefined) {
        return { refusal: { reason: 'CONNECTION_NOT_FOUND', message: 'The connection has been deleted.' } };
      }
      const adopted = await adopt(connection);
      if (adopted !== undefined) return { adopted };
      const refusal = refusalForState(connection) ?? this.refusalForBackoff(connection, trigger);
      if (refusal) return { refusal };
      if (connection.attempt === undefined) {
        const claim = await this.store.claimOne(uid, this.claimRequest);
        if (claim) {
          const outcome = await this.rotator.rotate(claim, variant, trigger);
          if (outcome.kind !== 'superseded') return { outcome };
        }
      }
      if (!(await this.waitForNews(uid, deadline))) {
        return {
          refusal: {
            reason: 'WAIT_EXPIRED',
            message:
              'The deadline passed while another rotation of this connection was under way. Try again.',
            retryAfterMs: 1_000,
          },
        };
      }
    }
  }

  /** While the authorization server is in trouble, callers do not hammer it: they learn when to come back. */
  private refusalForBackoff(connection: Connection, trigger: RotationTrigger): Refusal | undefined {
    const { notBefore, lastError } = connection;
    if (connection.state === 'IN_DOUBT' && (connection.dueAt ?? 0) > this.clock.now()) {
      return inDoubt(connection, (connection.dueAt ?? 0) - this.clock.now());
    }
    if (trigger === 'operator' || notBefore === undefined) return undefined;
    const wait = notBefore - this.clock.now();
    if (wait <= 0) return undefined;
    return serverDown(lastError?.code, lastError?.description, wait);
  }

  private async waitForNews(uid: string, deadline: number): Promise<boolean> {
    const left = deadline - this.clock.monotonic();
    if (left <= 0) return false;
    const over = new AbortController();
    await Promise.race([
      this.hints.changed(uid, over.signal),
      sleep(Math.min(left, POLL_EVERY_MS), over.signal),
    ]);
    over.abort();
    return true;
  }
}
