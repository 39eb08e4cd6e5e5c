import type { Clock } from '../clock.js';
import type { LastError } from '../connection/connection.js';
import type { EventSink } from '../events.js';
import { clientName } from '../resource-names.js';
import type { SpendOutcome } from './finish-rotation.js';
import type { Claim } from './ports.js';
import { verdictOn } from './server-trouble.js';

/** How many failures in a row open a breaker; a canary's first one does. */
const OPENS_AFTER = 3;

/** Bounds of the time that a breaker stays open, before the next rotation is let through. */
const OPEN_BASE_MS = 1_000;
const OPEN_CAP_MS = 120_000;

/** How long those wait that come while the one rotation of a half-open breaker is under way. */
const TRIAL_WAIT_MS = 1_000;

/** Whether a rotation of an OAuth client may begin in this replica. */
export type Admission =
  | { readonly kind: 'closed' }
  /** One may: it is the trial. */
  | { readonly kind: 'half-open' }
  | { readonly kind: 'trial' | 'open'; readonly cause: LastError; readonly retryInMs: number };

/** A breaker as operators see it. */
export interface BreakerView {
  readonly state: 'closed' | 'half-open' | 'open';
  /** Failures in a row that were about the server or the registration. */
  readonly failures: number;
  readonly cause?: LastError;
  /** When the next rotation is let through. */
  readonly until?: number;
}

interface Breaker {
  /** The revision of the OAuth client that failed: another one is a new chance. */
  readonly revision: number | undefined;
  failures: number;
  /** How often it has opened since something last worked. */
  openings: number;
  /** Of the monotonic clock; `undefined` while closed. */
  openUntil: number | undefined;
  trial: boolean;
  cause: LastError;
}

/**
 * A circuit breaker for each OAuth client, in this replica's memory (promises P6 and P11). While a server or a
 * registration is in trouble as a whole, nothing more is claimed for it: the rows keep their place, so that
 * after the outage the soonest to expire comes first, and nobody waits in vain. It opens after failures in a
 * row, for longer each time, with full jitter and not for less than `Retry-After`; then it lets one rotation
 * through, whose end decides.
 */
export class Breakers {
  private readonly breakers = new Map<string, Breaker>();

  /**
   * @param revisionOf the revision of an OAuth client as it stands now; `undefined` where it is not known
   * @param random uniform in [0, 1)
   */
  constructor(
    private readonly clock: Clock,
    private readonly events: EventSink,
    private readonly revisionOf: (clientId: string) => number | undefined,
    private readonly random: () => number,
  ) {}

  /** Whether a rotation may begin now. */
  admission(clientId: string): Admission {
    const breaker = this.current(clientId);
    if (breaker?.openUntil === undefined) return { kind: 'closed' };
    const { cause, trial, openUntil } = breaker;
    const retryInMs = openUntil - this.clock.monotonic();
    if (retryInMs > 0) return { kind: 'open', cause, retryInMs };
    return trial ? { kind: 'trial', cause, retryInMs: TRIAL_WAIT_MS } : { kind: 'half-open' };
  }

  /**
   * Says that a rotation is about to begin, where {@link Breakers.admission} let it. Of a half-open breaker it
   * is the trial.
   * @returns to be called when it has ended, whatever came of it; a trial that says nothing lets the next one through
   */
  begin(clientId: string): () => void {
    const breaker = this.current(clientId);
    if (!breaker || this.admission(clientId).kind !== 'half-open') return () => undefined;
    breaker.trial = true;
    return () => (breaker.trial = false);
  }

  /** What a rotation says about its server. */
  rotationEnded(outcome: SpendOutcome, claim: Pick<Claim, 'canary'>): void {
    if (outcome.kind === 'superseded') return;
    const { clientId } = outcome.connection;
    const failure = outcome.kind === 'rotated' ? undefined : outcome.failure;
    switch (verdictOn(failure)) {
      case 'works':
        return this.close(clientId);
      case 'in trouble': {
        if (outcome.kind === 'rotated') return;
        const retryAfterMs = failure?.kind === 'refused' ? failure.retryAfterMs : undefined;
        return this.failed(clientId, outcome.change.lastError, retryAfterMs, claim.canary !== undefined);
      }
      case 'unknown':
        return undefined;
    }
  }

  /** How the breaker of an OAuth client stands. */
  view(clientId: string): BreakerView {
    const breaker = this.current(clientId);
    if (!breaker) return { state: 'closed', failures: 0 };
    const { failures, cause, openUntil } = breaker;
    if (openUntil === undefined) return { state: 'closed', failures, cause };
    const left = openUntil - this.clock.monotonic();
    const state = left > 0 ? 'open' : 'half-open';
    return { state, failures, cause, until: this.clock.now() + Math.max(0, left) };
  }

  private current(clientId: string): Breaker | undefined {
    const breaker = this.breakers.get(clientId);
    if (!breaker || breaker.revision === this.revisionOf(clientId)) return breaker;
    this.close(clientId);
    return undefined;
  }

  private close(clientId: string): void {
    const breaker = this.breakers.get(clientId);
    this.breakers.delete(clientId);
    if (breaker?.openUntil === undefined) return;
    this.events.emit({ type: 'breaker.closed', client: clientName(clientId) });
  }

  private failed(
    clientId: string,
    cause: LastError,
    retryAfterMs: number | undefined,
    isCanary: boolean,
  ): void {
    const breaker = this.current(clientId) ?? this.add(clientId, cause);
    breaker.cause = cause;
    breaker.failures += 1;
    const now = this.clock.monotonic();
    const stillOpen = breaker.openUntil !== undefined && breaker.openUntil > now;
    // What had been under way when it opened says nothing new.
    if (stillOpen && retryAfterMs === undefined) return;
    if (!stillOpen && breaker.failures < OPENS_AFTER && !isCanary) return;
    if (!stillOpen) breaker.openings += 1;
    const openForMs = Math.max(this.backoff(breaker.openings), retryAfterMs ?? 0);
    breaker.openUntil = Math.max(breaker.openUntil ?? 0, now + openForMs);
    breaker.trial = false;
    if (stillOpen) return;
    this.events.emit({
      type: 'breaker.opened',
      client: clientName(clientId),
      error: cause,
      failures: breaker.failures,
      retryAt: this.clock.now() + openForMs,
    });
  }

  private add(clientId: string, cause: LastError): Breaker {
    const revision = this.revisionOf(clientId);
    const breaker = { revision, failures: 0, openings: 0, openUntil: undefined, trial: false, cause };
    this.breakers.set(clientId, breaker);
    return breaker;
  }

  /** Full jitter, with a floor: nobody comes back at once. */
  private backoff(openings: number): number {
    const ceiling = Math.min(OPEN_CAP_MS, OPEN_BASE_MS * 2 ** Math.min(openings, 20));
    return Math.max(OPEN_BASE_MS / 2, Math.floor(ceiling * this.random()));
  }
}
