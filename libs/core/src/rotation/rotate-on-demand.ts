import { sleep, type Clock } from '../clock.js';
import type { Connection } from '../connection/connection.js';
import type { Variant } from '../connection/variant.js';
import type { Refusal } from '../errors.js';
import type { RotationTrigger } from '../events.js';
import {
  clientFrozen,
  inDoubt,
  rateBudget,
  refusalForState,
  serverDown,
  shuttingDown,
  tooManyWaiting,
} from '../connection/refusals.js';
import { FailedVariants } from './failed-variants.js';
import type { ClaimRequest, DemandClaim, RotationStore } from './ports.js';
import type { RotationGates } from './gates.js';
import type { Rotator } from './rotator.js';
import type { SpendOutcome } from './finish-rotation.js';
import type { Deadline, Slot, SlotForDemand } from './slots.js';

/** Wakes whoever waits for news of a connection. A hint only: waiters poll as well. */
export interface ChangeHints {
  /** Resolves at the next change of the connection, at abort, or never. */
  changed(uid: string, signal: AbortSignal): Promise<void>;
}

const POLL_EVERY_MS = 250;

/** How much of the wait for a budget is left to chance, so that waiters do not come back together. */
const JITTER = 0.5;

/** What it needs. */
export interface DemandParts {
  readonly store: RotationStore;
  readonly rotator: Rotator;
  readonly hints: ChangeHints;
  readonly clock: Clock;
  readonly claimRequest: ClaimRequest;
  readonly gates: RotationGates;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

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
  private readonly failedVariants: FailedVariants;
  /** When the budget of an OAuth client was last found without room. */
  private readonly lacks = new Map<string, Lack & { readonly at: number }>();

  constructor(private readonly parts: DemandParts) {
    this.failedVariants = new FailedVariants(parts.clock);
  }

  /** Nothing is claimed after this; resolves when the rotations under way have come to their end. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.parts.gates.slots.close();
    await Promise.allSettled(this.running);
  }

  /**
   * @param adopt looks at the row before anything is spent: whoever finds there what it needs (the loser of
   *   a race finds the winner's token) answers it, and nothing is spent
   * @param deadline until when to wait for a slot, for the budget, and for others
   * @returns what was adopted, the outcome of the rotation, or why there is none
   * @throws {StoreUnavailableError}
   */
  rotate<T>(
    uid: string,
    variant: Variant,
    trigger: RotationTrigger,
    deadline: Deadline,
    adopt: (connection: Connection) => Promise<T | undefined>,
  ): Promise<DemandResult<T>> {
    const run = this.run({ uid, variant, trigger, deadline, adopt });
    this.running.add(run);
    const done = (): unknown => this.running.delete(run);
    run.then(done, done);
    return run;
  }

  private async run<T>(wish: Wish<T>): Promise<DemandResult<T>> {
    const { store } = this.parts;
    let slot: Slot | undefined;
    try {
      for (;;) {
        if (this.stopped) return { refusal: shuttingDown() };
        const connection = await store.find(wish.uid);
        if (connection === undefined) return { refusal: DELETED };
        const adopted = await wish.adopt(connection);
        if (adopted !== undefined) return { adopted };
        const refusal = this.refusalFor(connection, wish);
        if (refusal) return { refusal };
        if (connection.attempt === undefined) {
          if (slot === undefined) {
            const taken = await this.parts.gates.slots.takeForDemand(connection.clientId, wish.deadline);
            if ('refused' in taken) return { refusal: this.refusalForSlot(connection, taken.refused) };
            ({ slot } = taken);
            // While it waited, what it wants may have come.
            if (taken.waited) continue;
          }
          const result = await this.claimAndRotate(connection, wish);
          if ('refusal' in result || 'outcome' in result) return result;
          if (result.kind === 'noBudget') {
            const lack = await this.waitForBudget(connection, result, wish.deadline);
            if (lack) return { refusal: lack };
            continue;
          }
        }
        slot?.release();
        slot = undefined;
        if (!(await this.waitForNews(wish.uid, wish.deadline))) return { refusal: waitExpired() };
      }
    } finally {
      slot?.release();
    }
  }

  /** With a slot in hand. */
  private async claimAndRotate<T>(
    { clientId }: Connection,
    { uid, variant, trigger }: Wish<T>,
  ): Promise<{ outcome: SpendOutcome } | { refusal: Refusal } | Lack | { kind: 'busy' }> {
    const { store, rotator, gates, claimRequest } = this.parts;
    const refusal = this.refusalForBreaker(clientId, trigger);
    if (refusal) return { refusal };
    const trialOver = gates.breakers.begin(clientId);
    try {
      const claimed = await store.claimOne(uid, claimRequest);
      if (claimed.kind === 'frozen') return { refusal: clientFrozen(clientId, claimed.freeze) };
      if (claimed.kind !== 'claimed') return claimed;
      const outcome = await rotator.rotate(claimed.claim, variant, trigger);
      this.failedVariants.remember(uid, variant, outcome);
      return outcome.kind === 'superseded' ? { kind: 'busy' } : { outcome };
    } finally {
      trialOver();
    }
  }

  private refusalFor<T>(connection: Connection, { uid, variant, trigger }: Wish<T>): Refusal | undefined {
    const { clientId } = connection;
    const freeze = this.parts.gates.freezeOf(clientId);
    return (
      refusalForState(connection) ??
      this.parts.gates.spending.refusal ??
      (freeze && clientFrozen(clientId, freeze)) ??
      this.refusalForBackoff(connection, trigger) ??
      this.refusalForBreaker(clientId, trigger) ??
      this.refusalForVariant(uid, variant)
    );
  }

  /** An operator may try at any time: what comes of it closes the breaker, or not. */
  private refusalForBreaker(clientId: string, trigger: RotationTrigger): Refusal | undefined {
    const admission = this.parts.gates.breakers.admission(clientId);
    if (trigger === 'operator' || !('cause' in admission)) return undefined;
    const { cause, retryInMs } = admission;
    return serverDown(cause.code, cause.description, retryInMs);
  }

  private refusalForVariant(uid: string, variant: Variant): Refusal | undefined {
    const failed = this.failedVariants.failureOf(uid, variant);
    return failed && serverDown(failed.lastError.code, failed.lastError.description, failed.waitMs);
  }

  /** While the authorization server is in trouble, callers do not hammer it: they learn when to come back. */
  private refusalForBackoff(connection: Connection, trigger: RotationTrigger): Refusal | undefined {
    const { notBefore, lastError } = connection;
    if (connection.state === 'IN_DOUBT' && (connection.dueAt ?? 0) > this.parts.clock.now()) {
      return inDoubt(connection, (connection.dueAt ?? 0) - this.parts.clock.now());
    }
    if (trigger === 'operator' || notBefore === undefined) return undefined;
    const wait = notBefore - this.parts.clock.now();
    if (wait <= 0) return undefined;
    return serverDown(lastError?.code, lastError?.description, wait);
  }

  /** Waits for a part of what is left of the deadline; the refusal where nothing is left of it. */
  private async waitForBudget(
    { clientId }: Connection,
    lack: Lack,
    deadline: Deadline,
  ): Promise<Refusal | undefined> {
    const { clock, random } = this.parts;
    const now = clock.monotonic();
    const left = deadline() - now;
    if (left <= 0) return rateBudget(clientId, lack.limit, lack.retryInMs);
    this.lacks.set(clientId, { ...lack, at: now });
    await sleep(Math.min(left, lack.retryInMs * (1 + JITTER * random()), POLL_EVERY_MS));
    return undefined;
  }

  /** Who waits behind others that wait for the budget is told of the budget. */
  private refusalForSlot(
    { clientId }: Connection,
    refused: Extract<SlotForDemand, { refused: unknown }>['refused'],
  ): Refusal {
    if (refused === 'closed') return shuttingDown();
    if (refused === 'too many waiting') return tooManyWaiting(clientId);
    const lack = this.lacks.get(clientId);
    const isRecent = lack && this.parts.clock.monotonic() - lack.at < 2 * POLL_EVERY_MS;
    return isRecent ? rateBudget(clientId, lack.limit, lack.retryInMs) : waitExpired();
  }

  private async waitForNews(uid: string, deadline: Deadline): Promise<boolean> {
    const left = deadline() - this.parts.clock.monotonic();
    if (left <= 0) return false;
    const over = new AbortController();
    await Promise.race([
      this.parts.hints.changed(uid, over.signal),
      sleep(Math.min(left, POLL_EVERY_MS), over.signal),
    ]);
    over.abort();
    return true;
  }
}

type Lack = Extract<DemandClaim, { kind: 'noBudget' }>;

/** One wish for a rotation. */
interface Wish<T> {
  readonly uid: string;
  readonly variant: Variant;
  readonly trigger: RotationTrigger;
  readonly deadline: Deadline;
  readonly adopt: (connection: Connection) => Promise<T | undefined>;
}

const DELETED: Refusal = { reason: 'CONNECTION_NOT_FOUND', message: 'The connection has been deleted.' };

function waitExpired(): Refusal {
  return {
    reason: 'WAIT_EXPIRED',
    message: 'The deadline passed while another rotation was under way. Try again.',
    retryAfterMs: 1_000,
  };
}
