import type { Workload } from '../access/access.js';
import { requireRole } from '../access/require-role.js';
import { BrokerError } from '../errors.js';
import type { EventSink } from '../events.js';
import type { Clock } from '../clock.js';
import { replicaName } from '../resource-names.js';
import { changeAfterFailure } from '../rotation/judge.js';
import type { RotationProfiles } from '../rotation/rotation-profile.js';
import type { DatabaseView, FleetStore, Lineage } from './ports.js';
import { replicaState, type Replica } from './replica.js';

/** What a fleet administration needs. */
export interface FleetAdministrationParts {
  readonly store: FleetStore;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly profiles: RotationProfiles;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What operators do with replicas, and with the installation as a whole. */
export class FleetAdministration {
  constructor(private readonly parts: FleetAdministrationParts) {}

  /** The installation with its replicas, as the database has them now. */
  async view(caller: Workload): Promise<DatabaseView> {
    requireRole(caller, 'READER');
    return this.parts.store.view();
  }

  /**
   * The operator's word that a replica will not come back with its spool: nobody waits for its answers any more.
   * @throws {BrokerError} `STATE_CONFLICT` while it lives
   */
  async declareLost(caller: Workload, spoolId: string): Promise<Replica> {
    requireRole(caller, 'OPERATOR');
    const { store, clock, random, profiles } = this.parts;
    const { replica, now } = await this.existing(spoolId);
    if (replicaState(replica, now) === 'LIVE' || replicaState(replica, now) === 'PENDING') {
      throw BrokerError.of(
        'STATE_CONFLICT',
        `${replicaName(spoolId)} (${replica.name}) lives: it was seen ${Math.round((now - replica.lastSeenAt) / 1_000)} s ago. Stop it first; then wait until it has been silent for 10 s.`,
      );
    }
    const failure = {
      kind: 'unanswered',
      code: 'replica_lost',
      description: `${caller.id} declared replica ${replica.name} lost during a rotation.`,
    } as const;
    const lost = await store.declareLost(spoolId, caller.id, (connection) =>
      changeAfterFailure(connection, failure, clock.now(), random, {
        attemptId: connection.attempt?.id ?? '',
        sentAt: connection.attempt?.startedAt ?? 0,
        profile: profiles.of(connection.clientId),
      }),
    );
    if (!lost) throw notFound(spoolId);
    this.tell(caller, 'declared lost', replicaName(spoolId));
    return lost;
  }

  /** The operator's word that a replica whose spool the database does not know belongs to it. */
  async admit(caller: Workload, spoolId: string): Promise<Replica> {
    requireRole(caller, 'OPERATOR');
    const admitted = await this.parts.store.admit(spoolId, caller.id);
    if (!admitted) return (await this.existing(spoolId)).replica;
    this.tell(caller, 'admitted', replicaName(spoolId));
    return admitted;
  }

  /** Stops all spending, on every replica. What is held goes on being served. */
  async freeze(caller: Workload, detail: string): Promise<DatabaseView> {
    requireRole(caller, 'OPERATOR');
    if (detail.trim() === '' || detail.length > 500) {
      throw BrokerError.of('INVALID_REQUEST', 'Say why, in at most 500 characters: others will read it.');
    }
    await this.parts.store.freeze({ reason: 'OPERATOR', detail, by: caller.id }, 0);
    this.tell(caller, 'frozen', 'installation');
    return this.parts.store.view();
  }

  /**
   * Lifts the freeze.
   * @param lineage has to be said where the database was moved or put back
   * @throws {BrokerError} `STATE_CONFLICT` where nothing is frozen
   */
  async thaw(caller: Workload, lineage: Lineage | undefined): Promise<DatabaseView> {
    requireRole(caller, 'OPERATOR');
    const { store } = this.parts;
    const { freeze } = await store.view();
    if (!freeze) throw BrokerError.of('STATE_CONFLICT', 'Nothing is frozen.');
    if (freeze.reason !== 'OPERATOR' && lineage === undefined) {
      throw BrokerError.of(
        'INVALID_REQUEST',
        'Say whether the refresh tokens in this database are the latest ones. current: yes, it was moved while no replica ran. outdated: it may be older, so that each refresh token is in doubt, and is tried once.',
      );
    }
    await store.thaw(caller.id, lineage ?? 'CURRENT');
    this.tell(caller, `thawed as ${(lineage ?? 'CURRENT').toLowerCase()}`, 'installation');
    return store.view();
  }

  private async existing(spoolId: string): Promise<{ replica: Replica; now: number }> {
    const { replicas, now } = await this.parts.store.view(spoolId);
    const replica = replicas.find((one) => one.spoolId === spoolId);
    if (!replica) throw notFound(spoolId);
    return { replica, now };
  }

  private tell(caller: Workload, what: string, resource: string): void {
    this.parts.events.emit({ type: 'admin.changed', by: caller.id, what, resource });
  }
}

function notFound(spoolId: string): BrokerError {
  return BrokerError.of('NOT_FOUND', `${replicaName(spoolId)} does not exist.`);
}
