import { BrokerError } from '../errors.js';
import type { EventSink } from '../events.js';
import { accessRuleName, checkConnectionPattern, checkSegment, workloadName } from '../resource-names.js';
import type { AccessRule, Role, Workload } from './access.js';
import type { Directory } from './directory.js';
import { requireRole } from './require-role.js';

/** The rows of workloads and rules. Every method throws `StoreUnavailableError` where the database is away. */
export interface AccessStore {
  /** @throws {BrokerError} `ALREADY_EXISTS`, also where an identity is another workload's */
  createWorkload(workload: Omit<Workload, 'createdAt'>): Promise<Workload>;
  listWorkloads(): Promise<Workload[]>;
  deleteWorkload(id: string): Promise<boolean>;
  /** @throws {BrokerError} `ALREADY_EXISTS`, `NOT_FOUND` where the workload does not exist */
  createAccessRule(rule: Omit<AccessRule, 'createdAt'>): Promise<AccessRule>;
  listAccessRules(): Promise<AccessRule[]>;
  deleteAccessRule(id: string): Promise<boolean>;
}

const IDENTITY = /^(spiffe:\/\/[A-Za-z0-9._-]+\/[\x21-\x7e]+|dns:[A-Za-z0-9.-]+|cn:[\x20-\x7e]+)$/;

/** What administrators do with workloads and access rules. */
export class AccessAdministration {
  constructor(
    private readonly store: AccessStore,
    private readonly directory: Directory,
    private readonly events: EventSink,
  ) {}

  async createWorkload(
    caller: Workload,
    id: string,
    fields: { readonly identities: readonly string[]; readonly roles: readonly Role[] },
  ): Promise<Workload> {
    requireRole(caller, 'ADMIN');
    checkSegment(id, "a workload's id");
    if (id === 'administrator') {
      throw BrokerError.of(
        'INVALID_REQUEST',
        '"administrator" is the one that the configuration names; choose another id.',
      );
    }
    const odd = fields.identities.filter((identity) => identity.length > 300 || !IDENTITY.test(identity));
    if (fields.identities.length === 0 || odd.length > 0) {
      throw BrokerError.of(
        'INVALID_REQUEST',
        'identities names at least one: spiffe://trust-domain/path, dns:name or cn:common name.',
      );
    }
    const created = await this.store.createWorkload({ id, ...fields });
    await this.changed(caller, 'created', workloadName(id));
    return created;
  }

  async listWorkloads(caller: Workload): Promise<Workload[]> {
    requireRole(caller, 'READER');
    return this.store.listWorkloads();
  }

  async deleteWorkload(caller: Workload, id: string): Promise<void> {
    requireRole(caller, 'ADMIN');
    if (!(await this.store.deleteWorkload(id))) throw notFound(workloadName(id));
    await this.changed(caller, 'deleted', workloadName(id));
  }

  async createAccessRule(caller: Workload, rule: Omit<AccessRule, 'createdAt'>): Promise<AccessRule> {
    requireRole(caller, 'ADMIN');
    checkSegment(rule.id, "an access rule's id");
    checkConnectionPattern(rule.connectionPattern);
    const created = await this.store.createAccessRule(rule);
    await this.changed(caller, 'created', accessRuleName(rule.id));
    return created;
  }

  async listAccessRules(caller: Workload): Promise<AccessRule[]> {
    requireRole(caller, 'READER');
    return this.store.listAccessRules();
  }

  async deleteAccessRule(caller: Workload, id: string): Promise<void> {
    requireRole(caller, 'ADMIN');
    if (!(await this.store.deleteAccessRule(id))) throw notFound(accessRuleName(id));
    await this.changed(caller, 'deleted', accessRuleName(id));
  }

  private async changed(caller: Workload, what: string, resource: string): Promise<void> {
    await this.directory.tryRefresh();
    this.events.emit({ type: 'admin.changed', by: caller.id, what, resource });
  }
}

function notFound(name: string): BrokerError {
  return BrokerError.of('NOT_FOUND', `${name} does not exist.`);
}
