import type { DataSource } from 'typeorm';
import type { AccessRule, AccessStore, Role, Workload } from '#libs/core';
import { AccessRuleRow, WorkloadIdentityRow, WorkloadRow } from '../rows.js';
import { refusing, translated } from '../store-errors.js';

/** The rows of workloads and access rules. */
export class PostgresAccessStore implements AccessStore {
  constructor(private readonly source: DataSource) {}

  async createWorkload(workload: Omit<Workload, 'createdAt'>): Promise<Workload> {
    const unique = `workloads/${workload.id} exists already, or one of its identities is another workload's.`;
    return refusing({ unique }, () =>
      this.source.transaction(async (manager) => {
        await manager.insert(WorkloadRow, { id: workload.id, roles: [...workload.roles] });
        await manager.insert(
          WorkloadIdentityRow,
          [...new Set(workload.identities)].map((identity) => ({ identity, workload_id: workload.id })),
        );
        const row = await manager.findOneByOrFail(WorkloadRow, { id: workload.id });
        return { ...workload, createdAt: row.created_at.getTime() };
      }),
    );
  }

  async listWorkloads(): Promise<Workload[]> {
    return translated(async () => {
      const [rows, identities] = await Promise.all([
        this.source.getRepository(WorkloadRow).find({ order: { id: 'ASC' } }),
        this.source.getRepository(WorkloadIdentityRow).find({ order: { identity: 'ASC' } }),
      ]);
      const byWorkload = groupByWorkload(identities);
      return rows.map((row) => ({
        id: row.id,
        identities: (byWorkload.get(row.id) ?? []).map(({ identity }) => identity),
        roles: row.roles as Role[],
        createdAt: row.created_at.getTime(),
      }));
    });
  }

  async deleteWorkload(id: string): Promise<boolean> {
    return translated(async () => {
      const { affected } = await this.source.getRepository(WorkloadRow).delete({ id });
      return (affected ?? 0) > 0;
    });
  }

  async createAccessRule(rule: Omit<AccessRule, 'createdAt'>): Promise<AccessRule> {
    const refusals = {
      unique: `accessRules/${rule.id} exists already.`,
      foreignKey: { reason: 'NOT_FOUND' as const, message: `workloads/${rule.workloadId} does not exist.` },
    };
    return refusing(refusals, async () => {
      await this.source.getRepository(AccessRuleRow).insert({
        id: rule.id,
        workload_id: rule.workloadId,
        connection_pattern: rule.connectionPattern,
      });
      return toAccessRule(await this.source.getRepository(AccessRuleRow).findOneByOrFail({ id: rule.id }));
    });
  }

  async listAccessRules(): Promise<AccessRule[]> {
    return translated(async () => {
      const rows = await this.source.getRepository(AccessRuleRow).find({ order: { id: 'ASC' } });
      return rows.map(toAccessRule);
    });
  }

  async deleteAccessRule(id: string): Promise<boolean> {
    return translated(async () => {
      const { affected } = await this.source.getRepository(AccessRuleRow).delete({ id });
      return (affected ?? 0) > 0;
    });
  }
}

function toAccessRule(row: AccessRuleRow): AccessRule {
  return {
    id: row.id,
    workloadId: row.workload_id,
    connectionPattern: row.connection_pattern,
    createdAt: row.created_at.getTime(),
  };
}

function groupByWorkload(rows: readonly WorkloadIdentityRow[]): Map<string, WorkloadIdentityRow[]> {
  const groups = new Map<string, WorkloadIdentityRow[]>();
  for (const row of rows) groups.set(row.workload_id, [...(groups.get(row.workload_id) ?? []), row]);
  return groups;
}
