import type { Clock } from '../clock.js';
import type { Variant } from '../connection/variant.js';
import { messageOf } from '../errors.js';
import type { EventSink, RotationTrigger } from '../events.js';
import { connectionName } from '../resource-names.js';
import type { Claim } from './ports.js';
import type { SpendOutcome } from './finish-rotation.js';
import type { Spender } from './spend-refresh-token.js';

/** Is told how every rotation of this replica ended, before anybody waits for the news from elsewhere. */
export interface RotationListener {
  rotationEnded(outcome: SpendOutcome, claim: Claim): void;
}

/**
 * Carries out claims and tells everybody: *spend → hold → notify*. The scheduler and the reads on demand
 * both come through here.
 */
export class Rotator {
  private running = 0;
  private readonly endWaiters = new Set<() => void>();

  constructor(
    private readonly spender: Spender,
    private readonly listeners: readonly RotationListener[],
    private readonly events: EventSink,
    private readonly clock: Clock,
  ) {}

  /** How many rotations are under way in this process. */
  get inFlight(): number {
    return this.running;
  }

  /** Resolves when the next rotation ends, whatever began it. */
  ended(): Promise<void> {
    return new Promise((resolve) => this.endWaiters.add(resolve));
  }

  /** Resolves when no rotation is under way. */
  async idle(): Promise<void> {
    while (this.running > 0) await this.ended();
  }

  /** Carries out one claim. Faults are told and thrown on. */
  async rotate(claim: Claim, variant: Variant, trigger: RotationTrigger): Promise<SpendOutcome> {
    this.running += 1;
    const startedAt = this.clock.monotonic();
    try {
      const outcome = await this.spender.spend(claim, variant);
      for (const listener of this.listeners) listener.rotationEnded(outcome, claim);
      this.tell(claim, outcome, trigger, this.clock.monotonic() - startedAt, variant);
      return outcome;
    } catch (error) {
      this.events.emit({
        type: 'rotation.failed',
        connection: connectionName(claim.connection),
        trigger,
        outcome: 'fault',
        generation: claim.connection.generation,
        durationMs: this.clock.monotonic() - startedAt,
        error: { code: 'fault', description: messageOf(error), at: this.clock.now() },
      });
      throw error;
    } finally {
      this.running -= 1;
      for (const wake of this.endWaiters) wake();
      this.endWaiters.clear();
    }
  }

  private tell(
    claim: Claim,
    outcome: SpendOutcome,
    trigger: RotationTrigger,
    durationMs: number,
    variant: Variant,
  ): void {
    const connection = connectionName(claim.connection);
    const generation = outcome.connection.generation;
    if (outcome.kind === 'rotated') {
      this.events.emit({
        type: 'rotation.succeeded',
        connection,
        trigger,
        fromGeneration: generation,
        toGeneration: outcome.generation,
        expiresAt: outcome.token.expiresAt,
        durationMs,
        saved: outcome.saved,
        variant: variant.key,
      });
      return;
    }
    const change = outcome.kind === 'superseded' ? undefined : outcome.change;
    this.events.emit({
      type: 'rotation.failed',
      connection,
      trigger,
      outcome: outcome.kind,
      generation,
      durationMs,
      ...(change ? { error: change.lastError } : {}),
      ...(change?.kind === 'released' ? { retryAt: change.notBefore } : {}),
      ...(change?.kind === 'doubted' ? { retryAt: change.probeAt } : {}),
    });
  }
}
