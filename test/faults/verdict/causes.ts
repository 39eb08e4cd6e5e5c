import type { SeenExchange } from '../proxy/exchange-proxy.js';
import type { History, KnownAttempt } from './history.js';
import type { FaultHit } from './records.js';

/** How much of the exchange's time an answer has to have taken to count as too slow by itself. */
const SLOW_SHARE = 0.9;

/** A rotation's duration begins a moment after its claim was committed. */
const LATE_TOLERANCE_MS = 2_000;

/** Why an attempt came to no good end. */
export type Cause =
  | { readonly fault: string }
  /** Nothing was injected: the machine was so busy that something took longer than it may. */
  | { readonly slow: true };

/** Looks for what was done to an attempt. */
export class Causes {
  private readonly ofAttempt = new Map<string, FaultHit>();
  private readonly ofToken = new Map<string, FaultHit[]>();
  private readonly lasting: FaultHit[] = [];

  constructor(
    private readonly history: History,
    private readonly exchangeTimeoutMs: number,
    private readonly attemptDeadlineMs: number,
  ) {
    for (const fault of history.records.faults) {
      if (fault.attemptId !== undefined) this.ofAttempt.set(fault.attemptId, fault);
      else if (fault.fingerprint !== undefined) {
        this.ofToken.set(fault.fingerprint, [...(this.ofToken.get(fault.fingerprint) ?? []), fault]);
      } else this.lasting.push(fault);
    }
  }

  /** What explains that the attempt did not end as it should, until this moment. */
  of(attempt: KnownAttempt, until: number): Cause | undefined {
    const exchange = this.history.exchangeOf(attempt.id);
    const fault =
      this.ofAttempt.get(attempt.id) ??
      this.ofExchange(exchange, attempt.claimedAt, until) ??
      this.lastingAt(attempt.replica, attempt.claimedAt, until);
    // The proxy and the ledger say so themselves, also where the injection had given up waiting for it.
    const own = this.history.presentationOfAttempt.get(attempt.id)?.outcome?.fault;
    const kind = fault?.kind ?? exchange?.fault ?? own;
    if (kind !== undefined) return { fault: kind };
    const slow = exchange ? this.wasSlow(attempt, exchange) : this.cameLate(attempt);
    return slow ? { slow: true } : undefined;
  }

  /** From the replica's own word that it was about to request, which counts its waits as well. */
  private wasSlow(attempt: KnownAttempt, exchange: SeenExchange): boolean {
    const from = this.history.requestedAt.get(attempt.id) ?? exchange.receivedAt;
    const answeredIn = (exchange.answeredAt ?? Infinity) - from;
    const lastedFor = (exchange.endedAt ?? Infinity) - from;
    return Math.min(answeredIn, lastedFor) >= this.exchangeTimeoutMs * SLOW_SHARE;
  }

  /** Nothing was requested, and the replica says itself that it came to the lock after the deadline. */
  private cameLate({ id, replica, connection, generation, claimedAt }: KnownAttempt): boolean {
    if (this.history.requestedAt.has(id)) return false;
    return this.history.records.latecomers.some(
      (late) =>
        late.replica === replica &&
        late.connection === connection &&
        late.generation === generation &&
        late.at - late.durationMs <= claimedAt + LATE_TOLERANCE_MS &&
        late.at >= claimedAt + this.attemptDeadlineMs,
    );
  }

  /** A token is presented by its probe as well: the fault has to have hit this exchange of it. */
  private ofExchange(exchange: SeenExchange | undefined, from: number, until: number): FaultHit | undefined {
    const faults = exchange ? (this.ofToken.get(exchange.fingerprint) ?? []) : [];
    return faults.find((fault) => fault.at <= until && fault.until >= from);
  }

  /** A fault of a whole replica, or of all of them, that overlaps with this time. */
  lastingAt(replica: string, from: number, until: number): FaultHit | undefined {
    return this.lasting.find(
      (fault) =>
        (fault.replica === undefined || fault.replica === replica) &&
        fault.at <= until &&
        fault.until >= from,
    );
  }

  /** Whether a replica stood still, or heard nothing of the authorization server, at this moment. */
  coveredUp(replica: string, from: number, until: number): boolean {
    return this.lasting.some(
      ({ kind, replica: whose, ...fault }) =>
        whose === replica &&
        (kind.startsWith('stop') || kind === 'path_silent') &&
        fault.at <= until &&
        fault.until >= from,
    );
  }
}
