import type { LedgerRecord } from '../../../apps/dev-as/src/index.js';
import type { SeenExchange } from '../proxy/exchange-proxy.js';

/**
 * What a campaign writes down, for the verdict and for people. All times are milliseconds of the machine's
 * monotonic clock, which every process shares and no clock jump moves.
 */
export interface CampaignRecords {
  /** Every presentation of a refresh token, by the authorization server itself. */
  readonly ledger: readonly LedgerRecord[];
  /** To add to a wall clock's milliseconds (the ledger's) to get the machine's. */
  readonly wallToMachineMs: number;
  /** Every version of every row of a connection that was committed, oldest first. */
  readonly rows: readonly RowVersion[];
  /** Every request with a refresh token, as the replica told it before it made it. */
  readonly requests: readonly MadeRequest[];
  /** Attempts that were gone when their replica came to the lock at last. */
  readonly latecomers: readonly Latecomer[];
  /** Every exchange of a refresh token, as the proxies saw it. */
  readonly exchanges: readonly SeenExchange[];
  /** Every fault that hit. */
  readonly faults: readonly FaultHit[];
  /** What must not be, whatever is injected. */
  readonly remarks: readonly Remark[];
  /** Reads that were refused although the replica should have had a good token. */
  readonly missedReads: readonly MissedRead[];
  /** How each connection stood in the end. */
  readonly ends: readonly ConnectionEnd[];
}

/** A version of a connection's row, as it was committed. */
export interface RowVersion {
  readonly at: number;
  readonly connection: string;
  readonly state: string;
  readonly generation: number;
  /** Counts the authorizations. */
  readonly epoch: number;
  readonly attemptId?: string;
  readonly attemptReplica?: string;
  readonly lastAttemptId?: string;
  readonly errorCode?: string;
}

/** A replica is about to make a request with a refresh token. */
export interface MadeRequest {
  readonly at: number;
  readonly replica: string;
  readonly connection: string;
  readonly attemptId: string;
  readonly generation: number;
  /** Whether the connection was in doubt under the lock: then this is its probe. */
  readonly inDoubt: boolean;
  /** When its connection stood, and the request was about to be written; absent: it never stood. */
  sentAt?: number;
  /** The port that it came from. */
  port?: number;
}

/** A replica says that it took so long from its claim to the lock that the attempt had been taken over. */
export interface Latecomer {
  readonly at: number;
  readonly replica: string;
  readonly connection: string;
  readonly generation: number;
  readonly durationMs: number;
}

/** A fault that was seen to hit, and for how long it could do harm. */
export interface FaultHit {
  readonly id: number;
  readonly kind: string;
  readonly at: number;
  readonly until: number;
  /** Absent: all of them. */
  readonly replica?: string;
  /** Present where it hit one attempt only. */
  readonly attemptId?: string;
  /** Of the refresh token, where it hit one exchange only. */
  readonly fingerprint?: string;
}

/** Something that must not be. */
export interface Remark {
  readonly at: number;
  readonly what: 'stale_token' | 'broker_fault' | 'broker_exit' | 'start_failed' | 'never_at_rest';
  readonly replica?: string;
  readonly connection?: string;
  readonly detail: string;
}

/** A read that was refused although the same process had answered a token that is still good. */
export interface MissedRead {
  readonly replica: string;
  readonly connection: string;
  /** When the good token was read there. */
  readonly heldSince: number;
  readonly askedAt: number;
  readonly refusedAt: number;
  readonly refusal: string;
}

/** How a connection stood when all faults had been lifted and everything had settled. */
export interface ConnectionEnd {
  readonly connection: string;
  readonly state: string;
  /** Only for active ones: whether its refresh token was taken by the server in a last rotation. */
  readonly lastRotation?: 'granted' | 'refused' | 'failed';
  readonly detail?: string;
}
