import type { Connection } from '../connection/connection.js';
import type { FailureChange } from '../rotation/ports.js';
import type { KnownDatabase } from '../rotation/spool.js';
import type { Replica } from './replica.js';

/** Why all spending has been stopped. */
export type FreezeReason =
  /** The database is another cluster than before: a copy, or the place that it was moved to. */
  | 'DATABASE_MOVED'
  /** The database stands at an earlier moment than a replica has seen it: a restored backup. */
  | 'DATABASE_WENT_BACK'
  /** An operator said so. */
  | 'OPERATOR';

/** Spending has been stopped, on every replica. */
export interface InstallationFreeze {
  readonly reason: FreezeReason;
  readonly detail: string;
  readonly by: string;
  readonly at: number;
}

/** The installation, and what the database says of itself. */
export interface DatabaseView {
  readonly installationId: string;
  /** The cluster that the installation belongs to (PostgreSQL manual, `pg_control_system`). */
  readonly systemIdentifier?: string;
  /** The cluster that this is. */
  readonly actualSystemIdentifier: string;
  /** Grows with every promotion and every point-in-time recovery; negative on a standby. */
  readonly timeline: number;
  /** How many attempts have been numbered. */
  readonly attemptNumber: number;
  /** The database's clock. */
  readonly now: number;
  readonly freeze?: InstallationFreeze;
  /** How often an operator has said that the database is the right one. */
  readonly thaws: number;
  readonly thawedAt?: number;
  readonly thawedBy?: string;
  readonly replicas: readonly Replica[];
}

/** A replica as it presents itself. */
export interface ReplicaIdentity {
  readonly name: string;
  readonly spoolId: string;
  readonly bootId: string;
}

/** What is said of a restored or moved database: whether refresh tokens may have been spent since that copy. */
export type Lineage =
  /** The database knows the latest refresh token of every connection. */
  | 'CURRENT'
  /** It may be older: every refresh token is in doubt, and is probed once. */
  | 'OUTDATED';

/** The fleet in the database. Every method throws `StoreUnavailableError` where that is away. */
export interface FleetStore {
  /** With the replica of this spool, however long ago it ended; others that ended long ago are left out. */
  view(spoolId?: string): Promise<DatabaseView>;
  /** This replica begins; the spool's row stays the same from life to life. */
  register(me: ReplicaIdentity): Promise<void>;
  /** This replica lives. */
  beat(me: ReplicaIdentity, trouble: string | undefined): Promise<void>;
  /**
   * The redo log is replayed onto the present timeline; the numbers of attempts and of this replica's heartbeats
   * go on above what is known: a timeline that lacked some is whole again, and is not taken for an old backup.
   */
  redone(me: ReplicaIdentity, known: Pick<KnownDatabase, 'attemptNumber' | 'heartbeat'>): Promise<void>;
  /** `undefined` where it is admitted already, or unknown. */
  admit(spoolId: string, by: string): Promise<Replica | undefined>;
  /** This replica ends, and leaves nothing in its spool. */
  drained(me: ReplicaIdentity): Promise<void>;
  freeze(freeze: Omit<InstallationFreeze, 'at'>, attemptNumber: number): Promise<void>;
  /** Lifts the freeze, and takes this cluster and this moment for the right ones. */
  thaw(by: string, lineage: Lineage): Promise<void>;
  /** Its answers are gone: its attempts and doubts need not wait for it. `undefined` where it is unknown. */
  declareLost(
    spoolId: string,
    by: string,
    decide: (connection: Connection) => FailureChange,
  ): Promise<Replica | undefined>;
}
