import type { Connection } from '../connection/connection.js';

/**
 * The moments of a rotation at which it matters most what fails, in their order. The numbers in brackets are
 * the steps of the protocol, as in `docs/how-a-rotation-works.md`.
 */
export const MOMENTS = [
  /** [1] The claim has been committed. */
  'claimed',
  /** [2] The row is locked. */
  'held',
  /** [3] Nothing has been journaled yet. */
  'journaling',
  /** [3] That it is about to be sent is on disk. */
  'journaled',
  /** [4] The request comes next. */
  'requesting',
  /** [5] The answer has been read, or will not come, and only this process knows. */
  'answered',
  /** [6] The sealed answer is on disk. */
  'answer_journaled',
  /** [7] The save comes next. */
  'saving',
  /** [7] The save has been committed. */
  'saved',
  /** [8] The row is free again. */
  'released',
  /** Recovery: a journaled attempt of the life before is about to be replayed. */
  'replaying',
  /** Recovery: it has been. */
  'replayed',
  /** Recovery: an attempt of somebody who is gone has been ended. */
  'taken_over',
] as const;

/** One of {@link MOMENTS}. */
export type Moment = (typeof MOMENTS)[number];

/** Which attempt has come to a moment. */
export interface AttemptInHand {
  /** The connection as the replica knows it. */
  readonly connection: Connection;
  readonly attemptId: string;
  readonly generation: number;
}

/**
 * Is told of every moment that an attempt comes to, and waited for. The broker has {@link NO_FAILPOINTS};
 * the fault campaign (`test/faults`) stops, delays and kills a replica here. No setting leads to anything else.
 */
export interface Failpoints {
  reached(moment: Moment, attempt: AttemptInHand): Promise<void> | undefined;
}

/** Nothing happens. */
export const NO_FAILPOINTS: Failpoints = { reached: () => undefined };
