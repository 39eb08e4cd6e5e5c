import {
  StoreUnavailableError,
  type Connection,
  type DatabaseView,
  type FailureChange,
  type FleetStore,
  type InstallationFreeze,
  type KnownDatabase,
  type Lineage,
  type Replica,
  type ReplicaIdentity,
} from '#libs/core';

type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** The fleet in memory, on a database whose cluster, timeline and clock a test moves. */
export class FakeFleetStore implements FleetStore {
  replicas: Array<Draft<Replica>> = [];
  /** What the installation and the database say. */
  database: Draft<Omit<DatabaseView, 'replicas'>> = {
    installationId: 'installation-1',
    actualSystemIdentifier: 'cluster-1',
    timeline: 1,
    attemptNumber: 0,
    now: 1_900_000_000_000,
    thaws: 0,
  };
  /** Whether refresh tokens are stored: before that, whoever comes first is admitted. */
  holdsTokens = true;
  /** While `true`, it cannot be reached. */
  away = false;
  attemptFloor = 0;
  /** What {@link FleetStore.thaw} was told. */
  readonly lineages: Lineage[] = [];
  readonly decided: FailureChange[] = [];
  /** Connections with attempts, by spool. */
  readonly attempts = new Map<string, Connection[]>();

  async view(): Promise<DatabaseView> {
    this.check();
    return structuredClone({ ...this.database, replicas: this.replicas });
  }

  async register({ spoolId, name, bootId }: ReplicaIdentity): Promise<void> {
    this.check();
    this.database.systemIdentifier ??= this.database.actualSystemIdentifier;
    const { now, timeline } = this.database;
    const known = this.find(spoolId);
    if (known) {
      Object.assign(known, { name, bootId, startedAt: now });
      delete known.endedAt;
      return;
    }
    const first = this.replicas.length === 0 || !this.holdsTokens;
    this.replicas.push({
      spoolId,
      name,
      bootId,
      timeline,
      heartbeat: 0,
      startedAt: now,
      lastSeenAt: now,
      ...(first ? { admittedAt: now, admittedBy: 'first start' } : {}),
    });
  }

  async beat({ spoolId, bootId }: ReplicaIdentity, trouble: string | undefined): Promise<void> {
    this.check();
    const replica = this.find(spoolId);
    if (replica?.bootId !== bootId) return;
    replica.heartbeat += 1;
    replica.lastSeenAt = this.database.now;
    delete replica.trouble;
    if (trouble !== undefined) replica.trouble = trouble;
  }

  async redone(
    { spoolId }: ReplicaIdentity,
    { attemptNumber, heartbeat }: Pick<KnownDatabase, 'attemptNumber' | 'heartbeat'>,
  ): Promise<void> {
    this.check();
    const replica = this.find(spoolId);
    if (!replica) return;
    this.database.attemptNumber = Math.max(this.database.attemptNumber, attemptNumber);
    replica.timeline = this.database.timeline;
    replica.heartbeat = Math.max(replica.heartbeat, heartbeat);
    delete replica.lostAt;
    delete replica.lostBy;
  }

  async admit(spoolId: string, by: string): Promise<Replica | undefined> {
    this.check();
    const replica = this.find(spoolId);
    if (!replica || replica.admittedAt !== undefined) return undefined;
    return Object.assign(replica, { admittedAt: this.database.now, admittedBy: by });
  }

  async drained({ spoolId }: ReplicaIdentity): Promise<void> {
    this.check();
    const replica = this.find(spoolId);
    if (replica) replica.endedAt = this.database.now;
  }

  async freeze(freeze: Omit<InstallationFreeze, 'at'>, attemptNumber: number): Promise<void> {
    this.check();
    this.attemptFloor = Math.max(this.attemptFloor, attemptNumber);
    const { at = this.database.now, reason } = this.database.freeze ?? {};
    if (reason === undefined || reason === 'OPERATOR') this.database.freeze = { ...freeze, at };
  }

  async thaw(by: string, lineage: Lineage): Promise<void> {
    this.check();
    this.lineages.push(lineage);
    const { database } = this;
    delete database.freeze;
    database.attemptNumber = Math.max(database.attemptNumber, this.attemptFloor) + 1_000_000;
    database.systemIdentifier = database.actualSystemIdentifier;
    database.thaws += 1;
    database.thawedAt = database.now;
    database.thawedBy = by;
  }

  async declareLost(
    spoolId: string,
    by: string,
    decide: (connection: Connection) => FailureChange,
  ): Promise<Replica | undefined> {
    this.check();
    const replica = this.find(spoolId);
    if (!replica) return undefined;
    this.decided.push(...(this.attempts.get(spoolId) ?? []).map(decide));
    return Object.assign(replica, { lostAt: this.database.now, lostBy: by });
  }

  /** The row of a spool. */
  find(spoolId: string): Draft<Replica> | undefined {
    return this.replicas.find((replica) => replica.spoolId === spoolId);
  }

  private check(): void {
    if (this.away) throw new StoreUnavailableError('scripted: away');
  }
}
