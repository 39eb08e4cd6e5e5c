import type { KnownDatabase } from '../rotation/spool.js';
import type { DatabaseView, FreezeReason } from './ports.js';
import type { Replica } from './replica.js';

/**
 * How many heartbeats, one a second, a failover may have lost. A database that lacks more than these has not failed
 * over: it has been put back. Counted rather than timed, so that no clock that jumps can stop the fleet.
 */
const FAILOVER_BEATS = 60;

/** What a replica makes of the database that it sees. */
export type DatabaseJudgement =
  /** It is the one that this replica knows, at the moment that it knows or later. */
  | { readonly kind: 'same' }
  /** It has failed over, and may have lost what was committed last: settled records are to be replayed. */
  | { readonly kind: 'failedOver' }
  /** Not a single token may be spent before an operator says so. */
  | { readonly kind: 'stop'; readonly reason: Exclude<FreezeReason, 'OPERATOR'>; readonly detail: string };

/**
 * Compares the database with what this replica's spool, which is kept outside of it, knows of it. A backup that
 * was restored, and a copy in another environment, show by the cluster, by the heartbeats of this replica that the
 * database lacks, or by the number that the attempts have reached.
 * @param me the database's row of this replica, before this life changed it
 */
export function judgeDatabase(
  known: KnownDatabase,
  me: Replica | undefined,
  view: DatabaseView,
): DatabaseJudgement {
  const { systemIdentifier, actualSystemIdentifier } = view;
  if (systemIdentifier !== undefined && systemIdentifier !== actualSystemIdentifier) {
    return {
      kind: 'stop',
      reason: 'DATABASE_MOVED',
      detail: `The installation belongs to the PostgreSQL cluster ${systemIdentifier}, and this is ${actualSystemIdentifier}.`,
    };
  }
  const moved = view.timeline !== me?.timeline;
  // What was known before an operator confirmed the database says nothing about it.
  if (known.thaws < view.thaws) return { kind: moved ? 'failedOver' : 'same' };
  const lostBeats = known.heartbeat - (me?.heartbeat ?? 0);
  const lostAttempts = known.attemptNumber - view.attemptNumber;
  const promoted = view.timeline > known.timeline;
  const lacks = lostBeats > 0 || lostAttempts > 0 || known.thaws > view.thaws;
  if (lostBeats > FAILOVER_BEATS || (lacks && !promoted)) {
    return {
      kind: 'stop',
      reason: 'DATABASE_WENT_BACK',
      detail: `The database is at attempt ${view.attemptNumber} and at heartbeat ${me?.heartbeat ?? 0} of this replica, whose spool has seen it at attempt ${known.attemptNumber} and heartbeat ${known.heartbeat}.`,
    };
  }
  return { kind: moved || lacks ? 'failedOver' : 'same' };
}
