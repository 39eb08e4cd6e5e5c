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
  /** Whether the database has taken what came of it. */
  readonly settled: boolean;
}

/**
 * The replica's own durable journal (promises P3 and P4): it proves what was sent and what came back. Every
 * method but {@link Spool.settled} resolves only once its record is on disk, and rejects where it may not be.
 */
export interface Spool {
  /** Names the spool, for good: attempts carry it, so that their replica knows them after a restart. */
  readonly id: string;
  /** Step 3. Where this rejects, nothing may be sent. */
  sent(sending: SpooledSending): Promise<void>;
  /** Step 6. */
  answered(attemptId: string, answer: SpooledAnswer): Promise<void>;
  /** Step 8: the record is kept for a while as a redo log, and then forgotten. */
  settled(attemptId: string): Promise<void>;
  /** All that it holds, in the order of sending. */
  attempts(): SpooledAttempt[];
}
