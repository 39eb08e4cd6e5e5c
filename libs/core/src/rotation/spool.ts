import type { Variant } from '../connection/variant.js';
import type { Sealed } from '../sealer.js';

/** What is journaled before a token is sent (step 3). */
export interface SpooledSending {
  readonly attemptId: string;
  readonly uid: string;
  readonly generation: number;
  readonly authorizationEpoch: number;
  readonly variant: Variant;
  /** When the request was about to be sent; the access token's life counts from here. */
  readonly requestedAt: number;
  /** The attempt's number within the installation. */
  readonly attemptNumber?: number;
}

/** What is journaled of an answer, before anybody judges it (step 6). */
export interface SpooledAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body, sealed for this attempt. */
  readonly body: Sealed;
}

/** One attempt as the spool knows it. */
export interface SpooledAttempt {
  readonly sent: SpooledSending;
  readonly answer?: SpooledAnswer;
  /** It was journaled and then not sent after all: its refresh token is unspent. */
  readonly unsent?: boolean;
  /** Whether the database has taken what came of it. */
  readonly settled: boolean;
}

/** What a replica knows of its database, kept outside of it. */
export interface KnownDatabase {
  /** The highest attempt number that this replica has journaled. */
  readonly attemptNumber: number;
  /** The timeline that the database was last seen on (PostgreSQL manual, section 25.3.6). */
  readonly timeline: number;
  /** How often this replica's heart has beaten in it; zero where it never has. */
  readonly heartbeat: number;
  /** How often an operator has confirmed it. */
  readonly thaws: number;
}

/**
 * The replica's own durable journal (promises P3 and P4): it proves what was sent and what came back. Every
 * method but {@link Spool.settled} resolves only once its record is on disk, and rejects where it may not be.
 */
export interface Spool {
  /** Names the spool, for good: attempts carry it, so that their replica knows them after a restart. */
  readonly id: string;
  /** Records that did not check out when it was opened: what is missing may have been among them. */
  readonly damaged: number;
  /** Why nothing can be journaled now; `undefined` where it can. Nothing is claimed meanwhile. */
  readonly trouble: string | undefined;
  /** What it knows of the database. */
  readonly known: KnownDatabase;
  /** Learns about the database; durable soon, and at {@link Spool.sent} at once. */
  know(database: KnownDatabase): void;
  /** Tries whether it can be written again, where it could not; never rejects. */
  recover(): Promise<void>;
  /** Step 3. Where this rejects, nothing may be sent. */
  sent(sending: SpooledSending): Promise<void>;
  /** Step 4 did not happen: not a byte went out. Never rejects: where it is not written, it counts as sent. */
  unsent(attemptId: string): Promise<void>;
  /** Step 6. */
  answered(attemptId: string, answer: SpooledAnswer): Promise<void>;
  /** Step 8: the record is kept for a while as a redo log, and then forgotten. */
  settled(attemptId: string): Promise<void>;
  /** All that it holds, in the order of sending. */
  attempts(): SpooledAttempt[];
}
