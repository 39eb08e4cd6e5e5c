/** One replica of the broker: a spool, and the process that has it now. */
export interface Replica {
  /** Names it for good; the process and its name may change. */
  readonly spoolId: string;
  readonly name: string;
  /** Names the present life of its process. */
  readonly bootId: string;
  /** Counts while it lives. */
  readonly heartbeat: number;
  /** The timeline of the database onto which its redo log has been replayed. */
  readonly timeline: number;
  /** Why it does not rotate now, in its own words. */
  readonly trouble?: string;
  readonly startedAt: number;
  readonly lastSeenAt: number;
  /** From when on it may spend; absent while nobody has vouched for it. */
  readonly admittedAt?: number;
  readonly admittedBy?: string;
  /** When it ended with nothing left in its spool. */
  readonly endedAt?: number;
  /** When an operator declared it lost, with its spool. */
  readonly lostAt?: number;
  readonly lostBy?: string;
}

/** Where a replica stands. */
export type ReplicaState = 'LIVE' | 'PENDING' | 'SILENT' | 'DRAINED' | 'LOST';

/** Replicas beat every second; one that has not for this long is gone, or stopped, or cut off. */
export const SILENT_AFTER_MS = 10_000;

/** The state of a replica, from what the database knows of it. */
export function replicaState(replica: Replica, now: number): ReplicaState {
  if (replica.lostAt !== undefined) return 'LOST';
  if (replica.endedAt !== undefined) return 'DRAINED';
  if (now - replica.lastSeenAt > SILENT_AFTER_MS) return 'SILENT';
  return replica.admittedAt === undefined ? 'PENDING' : 'LIVE';
}
