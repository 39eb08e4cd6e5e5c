import type { DataSource, EntityManager } from 'typeorm';
import type {
  Connection,
  DatabaseView,
  FailureChange,
  FleetStore,
  FreezeReason,
  InstallationFreeze,
  KnownDatabase,
  Lineage,
  Replica,
  ReplicaIdentity,
} from '#libs/core';
import { toConnection } from '../mapping.js';
import type { ConnectionRow, InstallationRow, ReplicaRow } from '../rows.js';
import { translated } from '../store-errors.js';
import * as sql from './fleet-sql.js';
import { saveStatement } from './rotation-changes.js';

type ViewRow = InstallationRow & {
  readonly actual_system_identifier: string;
  readonly timeline: string;
  readonly attempt_number: string;
  readonly now: Date;
};

/** The replicas, the installation, and what the database says of itself. */
export class PostgresFleetStore implements FleetStore {
  constructor(private readonly source: DataSource) {}

  async view(spoolId?: string): Promise<DatabaseView> {
    return translated(async () => {
      const [row] = await this.source.query<[ViewRow]>(sql.VIEW);
      const replicas = await this.source.query<ReplicaRow[]>(sql.REPLICAS, [spoolId ?? null]);
      return toView(row, replicas);
    });
  }

  async register({ spoolId, name, bootId }: ReplicaIdentity): Promise<void> {
    await translated(async () => {
      await this.source.query(sql.FIRST_CLUSTER);
      await this.source.query(sql.REGISTER, [spoolId, name, bootId]);
    });
  }

  async beat({ spoolId, bootId }: ReplicaIdentity, trouble: string | undefined): Promise<void> {
    await translated(() => this.source.query(sql.BEAT, [spoolId, bootId, trouble ?? null]));
  }

  async redone(
    { spoolId, bootId }: ReplicaIdentity,
    { attemptNumber, heartbeat }: Pick<KnownDatabase, 'attemptNumber' | 'heartbeat'>,
  ): Promise<void> {
    await translated(() => this.source.query(sql.REDONE, [spoolId, bootId, attemptNumber, heartbeat]));
  }

  async admit(spoolId: string, by: string): Promise<Replica | undefined> {
    return translated(async () => {
      const [[row]] = await this.source.query<[ReplicaRow[], number]>(sql.ADMIT, [spoolId, by]);
      return row && toReplica(row);
    });
  }

  async drained({ spoolId, bootId }: ReplicaIdentity): Promise<void> {
    await translated(() => this.source.query(sql.DRAINED, [spoolId, bootId]));
  }

  async freeze({ reason, detail, by }: Omit<InstallationFreeze, 'at'>, attemptNumber: number): Promise<void> {
    await translated(() => this.source.query(sql.FREEZE, [reason, detail, by, attemptNumber]));
  }

  async thaw(by: string, lineage: Lineage): Promise<void> {
    await translated(async () => {
      // Before the freeze is lifted: a thaw that is cut short is begun again where it stood.
      while (lineage === 'OUTDATED') {
        const [doubted] = await this.source.query<[unknown[], number]>(sql.DOUBT_ALL);
        if (doubted.length === 0) break;
      }
      await this.source.transaction(async (manager) => {
        await manager.query(sql.RAISE_NUMBERS);
        await manager.query(sql.THAW, [by]);
      });
    });
  }

  async declareLost(
    spoolId: string,
    by: string,
    decide: (connection: Connection) => FailureChange,
  ): Promise<Replica | undefined> {
    return translated(() =>
      this.source.transaction(async (manager) => {
        const [[row]] = (await manager.query(sql.DECLARE_LOST, [spoolId, by])) as [ReplicaRow[], number];
        if (!row) return undefined;
        const held = (await manager.query(sql.DOUBT_ATTEMPTS_OF, [spoolId])) as ConnectionRow[];
        for (const connection of held.map(toConnection)) await doubt(manager, connection, decide(connection));
        await manager.query(sql.FORGET_ANSWERS_OF, [spoolId]);
        return toReplica(row);
      }),
    );
  }
}

async function doubt(manager: EntityManager, connection: Connection, change: FailureChange): Promise<void> {
  const { uid, generation, authorizationEpoch, attempt } = connection;
  const save = { uid, generation, authorizationEpoch, attemptId: attempt?.id ?? '', change };
  const statement = saveStatement(save);
  await manager.query(statement.sql, [...statement.parameters]);
}

function toView(row: ViewRow, replicas: readonly ReplicaRow[]): DatabaseView {
  return {
    installationId: row.id,
    ...(row.system_identifier === null ? {} : { systemIdentifier: row.system_identifier }),
    actualSystemIdentifier: row.actual_system_identifier,
    timeline: Number(row.timeline),
    attemptNumber: Number(row.attempt_number),
    now: row.now.getTime(),
    thaws: Number(row.thaws),
    ...(row.frozen_at === null
      ? {}
      : {
          freeze: {
            reason: row.frozen_reason as FreezeReason,
            detail: row.frozen_detail ?? '',
            by: row.frozen_by ?? '',
            at: row.frozen_at.getTime(),
          },
        }),
    ...(row.thawed_at === null ? {} : { thawedAt: row.thawed_at.getTime() }),
    ...(row.thawed_by === null ? {} : { thawedBy: row.thawed_by }),
    replicas: replicas.map(toReplica),
  };
}

function toReplica(row: ReplicaRow): Replica {
  return {
    spoolId: row.spool_id,
    name: row.name,
    bootId: row.boot_id,
    heartbeat: Number(row.heartbeat),
    timeline: Number(row.timeline),
    startedAt: row.started_at.getTime(),
    lastSeenAt: row.last_seen_at.getTime(),
    ...(row.trouble === null ? {} : { trouble: row.trouble }),
    ...(row.admitted_at === null ? {} : { admittedAt: row.admitted_at.getTime() }),
    ...(row.admitted_by === null ? {} : { admittedBy: row.admitted_by }),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at.getTime() }),
    ...(row.lost_at === null ? {} : { lostAt: row.lost_at.getTime() }),
    ...(row.lost_by === null ? {} : { lostBy: row.lost_by }),
  };
}
