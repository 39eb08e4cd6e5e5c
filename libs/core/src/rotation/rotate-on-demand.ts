import { sleep, type Clock } from '../clock.js';
import type { Connection, LastError } from '../connection/connection.js';
import type { Variant } from '../connection/variant.js';
import type { Refusal } from '../errors.js';
import type { RotationTrigger } from '../events.js';
import { inDoubt, refusalForState, serverDown, shuttingDown } from '../connection/refusals.js';
import type { ClaimRequest, RotationStore } from './ports.js';
import type { Rotator } from './rotator.js';
import type { SpendOutcome } from './finish-rotation.js';

/** Wakes whoever waits for news of a connection. A hint only: waiters poll as well. */
export interface ChangeHints {
  /** Resolves at the next change of the connection, at abort, or never. */
  changed(uid: string, signal: AbortSignal): Promise<void>;
}

/** Whether this replica may spend now; what it says is from memory. */
export interface SpendingPermit {
  /** Why nothing is claimed; `undefined` where it may be. */
  readonly objection: object | undefined;
  /** For whoever waits for a new token; `undefined` where there is none, or where waiting helps. */
  readonly refusal: Refusal | undefined;
}

const POLL_EVERY_MS = 250;

/** How long a variant that the authorization server refused is not asked for again. */
const VARIANT_BACKOFF_MS = 30_000;
const MOST_FAILED_VARIANTS = 10_000;

/** What came of it. */
export type DemandResult<T> =
  | { readonly adopted: T }
  | { readonly outcome: SpendOutcome }
  | { readonly refusal: Refusal };

/**
 * Rotates one connection because somebody needs it now. Where another replica is at it already, waits for
 * that one's result instead.
 */
export class DemandRotations {
  private stopped = false;
  private readonly running = new Set<Promise<unknown>>();
  private readonly failedVariants = new Map<
    string,
    { readonly notBefore: number; readonly lastError: LastError }
  >();

  constructor(
    private readonly store: RotationStore,
    private readonly rotator: Rotator,
    private readonly hints: ChangeHints,
    private readonly clock: Clock,
    private readonly claimRequest: ClaimRequest,
    private readonly spending: SpendingPermit,
  ) {}

  /** Nothing is claimed after this; resolves when the rotations under way have come to their end. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.allSettled(this.running);
  }

  /**
   * @param adopt looks at the row before anything is spent: whoever finds there what it needs (the loser of
   *   a race finds the winner's token) answers it, and nothing is spent
   * @param deadline a {@link Clock.monotonic} instant
   * @returns what was adopted, the outcome of the rotation, or why there is none
   * @throws {StoreUnavailableError}
   */
  rotate<T>(
    uid: string,
    variant: Variant,
    trigger: RotationTrigger,
    deadline: number,
    adopt: (connection: Connection) => Promise<T | undefined>,
  ): Promise<DemandResult<T>> {
    const run = this.run(uid, variant, trigger, deadline, adopt);
    this.running.add(run);
    const done = (): unknown => this.running.delete(run);
    run.then(done, done);
    return run;
  }

  private async run<T>(
    uid: string,
    variant: Variant,
    trigger: RotationTrigger,
    deadline: number,
    adopt: (connection: Connection) => Promise<T | undefined>,
  ): Promise<DemandResult<T>> {
    for (;;) {
      if (this.stopped) return { refusal: shuttingDown() };
      const connection = await this.store.find(uid);
      if (connection === undefined) {
        return { refusal: { reason: 'CONNECTION_NOT_FOUND', message: 'The connection has been deleted.' } };
      }
      const adopted = await adopt(connection);
      if (adopted !== undefined) return { adopted };
      const refusal =
        refusalForState(connection) ??
        this.spending.refusal ??
        this.refusalForBackoff(connection, trigger) ??
        this.refusalForVariant(uid, variant);
      if (refusal) return { refusal };
      if (connection.attempt === undefined) {
        const claim = await this.store.claimOne(uid, this.claimRequest);
        if (claim) {
          const outcome = await this.rotator.rotate(claim, variant, trigger);
          this.remember(uid, variant, outcome);
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

  /** A variant that the server refuses waits by itself: the connection's other tokens have no part in it. */
  private refusalForVariant(uid: string, variant: Variant): Refusal | undefined {
    const failed = this.failedVariants.get(`${uid} ${variant.key}`);
    if (!failed || failed.notBefore <= this.clock.now()) return undefined;
    const { code, description } = failed.lastError;
    return serverDown(code, description, failed.notBefore - this.clock.now());
  }

  private remember(uid: string, variant: Variant, outcome: SpendOutcome): void {
    const key = `${uid} ${variant.key}`;
    this.failedVariants.delete(key);
    if (outcome.kind !== 'released' || variant.key === '' || outcome.change.kind !== 'released') return;
    if (this.failedVariants.size >= MOST_FAILED_VARIANTS) this.failedVariants.clear();
    const { lastError } = outcome.change;
    this.failedVariants.set(key, { notBefore: this.clock.now() + VARIANT_BACKOFF_MS, lastError });
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
