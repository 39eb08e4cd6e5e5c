import {
  accessRuleName,
  BrokerError,
  workloadName,
  type AccessRule,
  type Role,
  type Workload,
} from '#libs/core';
import {
  Workload_Role as WireRole,
  type AccessRule as WireAccessRule,
  type Workload as WireWorkload,
} from '#proto/tokenbroker/v1/access_service';
import { timestampFromMillis } from './time.js';

/** A workload on the wire. */
export function workloadToWire(workload: Workload): WireWorkload {
  return {
    name: workloadName(workload.id),
    identities: [...workload.identities],
    roles: workload.roles.map((role) => WireRole[role]),
    createTime: timestampFromMillis(workload.createdAt),
  };
}

/** An access rule on the wire. */
export function accessRuleToWire(rule: AccessRule): WireAccessRule {
  return {
    name: accessRuleName(rule.id),
    workload: workloadName(rule.workloadId),
    connectionPattern: rule.connectionPattern,
    createTime: timestampFromMillis(rule.createdAt),
  };
}

/** @throws {BrokerError} `INVALID_REQUEST` for a number that is no role */
export function roleFromWire(role: WireRole): Role {
  switch (role) {
    case WireRole.READER:
      return 'READER';
    case WireRole.OPERATOR:
      return 'OPERATOR';
    case WireRole.ADMIN:
      return 'ADMIN';
    default:
      throw BrokerError.of('INVALID_REQUEST', 'roles are READER, OPERATOR and ADMIN.');
  }
}
