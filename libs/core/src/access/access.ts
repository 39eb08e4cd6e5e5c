import { connectionName, matchesPattern, type ConnectionName } from '../resource-names.js';

/** What an administrator may do; each includes the ones before it. */
export type Role = 'READER' | 'OPERATOR' | 'ADMIN';

const ROLE_RANK: Readonly<Record<Role, number>> = { READER: 1, OPERATOR: 2, ADMIN: 3 };

/** An internal service, a job, or an administrator. */
export interface Workload {
  readonly id: string;
  /** What authenticates as this workload: `spiffe://…`, `dns:…`, `cn:…`. */
  readonly identities: readonly string[];
  readonly roles: readonly Role[];
  readonly createdAt: number;
}

/** Which workload may get which connections' tokens. */
export interface AccessRule {
  readonly id: string;
  readonly workloadId: string;
  readonly connectionPattern: string;
  readonly createdAt: number;
}

/** Whether the caller's roles include this one. */
export function hasRole(workload: Workload, role: Role): boolean {
  return workload.roles.some((held) => ROLE_RANK[held] >= ROLE_RANK[role]);
}

/**
 * Who is who and who may what, as one immutable picture that is evaluated in memory (promise P8: deny by
 * default; authenticate, then authorize, then look).
 */
export class AccessPolicy {
  private readonly byIdentity = new Map<string, Workload>();
  private readonly patternsByWorkload = new Map<string, string[]>();
  /** Decisions for names seen before; bounded, since names come from callers. */
  private readonly decisions = new Map<string, boolean>();

  static readonly DENY_ALL = new AccessPolicy([], []);

  constructor(workloads: readonly Workload[], rules: readonly AccessRule[]) {
    for (const workload of workloads) {
      for (const identity of workload.identities) this.byIdentity.set(identity, workload);
    }
    for (const rule of rules) {
      const patterns = this.patternsByWorkload.get(rule.workloadId) ?? [];
      patterns.push(rule.connectionPattern);
      this.patternsByWorkload.set(rule.workloadId, patterns);
    }
  }

  /** The workload that one of the caller's identities is registered for. */
  authenticate(identities: readonly string[]): Workload | undefined {
    for (const identity of identities) {
      const workload = this.byIdentity.get(identity);
      if (workload) return workload;
    }
    return undefined;
  }

  /** Whether an access rule lets the workload have this connection's tokens. */
  mayGetTokens(workload: Workload, connection: ConnectionName): boolean {
    const name = connectionName(connection);
    const key = `${workload.id} ${name}`;
    const known = this.decisions.get(key);
    if (known !== undefined) return known;
    const patterns = this.patternsByWorkload.get(workload.id) ?? [];
    const allowed = patterns.some((pattern) => matchesPattern(pattern, name));
    if (this.decisions.size >= 100_000) this.decisions.clear();
    this.decisions.set(key, allowed);
    return allowed;
  }
}
