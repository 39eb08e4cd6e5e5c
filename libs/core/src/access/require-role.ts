import { BrokerError } from '../errors.js';
import { hasRole, type Role, type Workload } from './access.js';

/** @throws {BrokerError} `ACCESS_DENIED` where the caller's roles do not include this one */
export function requireRole(caller: Workload, role: Role): void {
  if (hasRole(caller, role)) return;
  throw BrokerError.of(
    'ACCESS_DENIED',
    `This needs the role ${role}, which workloads/${caller.id} does not have. An administrator can grant it.`,
  );
}
