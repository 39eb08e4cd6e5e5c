import type { Clock } from '../clock.js';
import { DEFAULT_VARIANT } from '../connection/variant.js';
import { isStoreUnavailable, messageOf } from '../errors.js';
import type { EventSink } from '../events.js';
import { connectionName } from '../resource-names.js';
import { NO_FAILPOINTS, type Failpoints } from './failpoints.js';
import { changeAfterDisappearance } from './judge.js';
import type { Claim, ClaimRequest, RotationStore } from './ports.js';
import type { SpendingPermit } from './rotate-on-demand.js';
import type { RotationProfiles } from './rotation-profile.js';
import type { Rotator } from './rotator.js';

/** How many rotations a replica has under way at the most. */
export interface RotationLimits {
  readonly maxConcurrent: number;
}

const TAKE_OVER_BATCH = 100;

/** Rounds of claims between two looks at what dead replicas left. */
const TAKE_OVER_EVERY = 20;

/**
 * What each tick of the scheduler does: take over what dead replicas left, then claim what is due, as much
 * as there is room for, until nothing is due.
 */
export class DueRotations {
  private ticking: Promise<void> | undefined;
  private stopped = false;
  private storeAway = false;
  private wakePump: (() => void) | undefined;

  constructor(
    private readonly store: RotationStore,
    private readonly rotator: Rotator,
    private readonly events: EventSink,
    private readonly clock: Clock,
    private readonly claimRequest: ClaimRequest,
    private readonly limits: RotationLimits,
    private readonly random: () => number,
    private readonly spending: Pick<SpendingPermit, 'objection'>,
    private readonly profiles: RotationProfiles,
    private readonly failpoints: Failpoints = NO_FAILPOINTS,
  ) {}

  /** One tick. Returns when all that was due has been claimed; never throws. A tick during a tick is none. */
  async tick(): Promise<void> {
    if (this.ticking || this.stopped) return;
    this.ticking = this.runTick().finally(() => (this.ticking = undefined));
    await this.ticking;
  }

  /** No claim is made after this; resolves when one that is being made has come, and its rotation begun. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wakePump?.();
    await this.ticking;
  }

  private async runTick(): Promise<void> {
    await this.guarded(() => this.takeOver());
    const reached = await this.guarded(() => this.pump());
    if (reached) this.storeIsBack();
  }

  /** Each part fails for itself: a row that cannot be taken over must not end the rotations. */
  private async guarded(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.report(error);
      return false;
    }
  }

  private async pump(): Promise<void> {
    for (let round = 1; !this.stopped; round += 1) {
      // A backlog may keep this going for long; what dead replicas left must not wait for its end.
      if (round % TAKE_OVER_EVERY === 0) await this.guarded(() => this.takeOver());
      if (this.spending.objection) return;
      const room = this.limits.maxConcurrent - this.rotator.inFlight;
      if (room <= 0) {
        await this.room();
        continue;
      }
      const claims = await this.store.claimDue({ ...this.claimRequest, limit: room });
      for (const claim of claims) void this.carryOut(claim);
      if (claims.length < room) return;
    }
  }

  /** Waits until there may be room again. What is under way may all have been begun by reads. */
  private room(): Promise<void> {
    return new Promise((resolve) => {
      this.wakePump = resolve;
      void this.rotator.ended().then(resolve);
    });
  }

  private async carryOut(claim: Claim): Promise<void> {
    try {
      await this.rotator.rotate(claim, DEFAULT_VARIANT, 'schedule');
    } catch (error) {
      this.report(error);
    }
  }

  private async takeOver(): Promise<void> {
    const taken = await this.store.takeOver(TAKE_OVER_BATCH, (connection) =>
      changeAfterDisappearance(
        connection,
        this.clock.now(),
        this.random,
        this.profiles.of(connection.clientId),
      ),
    );
    for (const connection of taken) {
      this.events.emit({
        type: 'attempt.taken_over',
        connection: connectionName(connection),
        replica: connection.attempt?.replica ?? 'unknown',
      });
      const { attempt } = connection;
      if (attempt) {
        const { id: attemptId, generation } = attempt;
        await this.failpoints.reached('taken_over', { connection, attemptId, generation });
      }
    }
  }

  private storeIsBack(): void {
    if (this.storeAway) this.events.emit({ type: 'database.back', during: 'scheduler' });
    this.storeAway = false;
  }

  private report(error: unknown): void {
    if (!isStoreUnavailable(error)) {
      this.events.emit({ type: 'fault', during: 'scheduler', error });
      return;
    }
    if (!this.storeAway) {
      this.events.emit({ type: 'database.away', during: 'scheduler', error: messageOf(error) });
    }
    this.storeAway = true;
  }
}
