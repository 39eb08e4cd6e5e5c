import { BrokerError, parseAccessRuleName, parseWorkloadName } from '#libs/core';
import type { AccessServiceServer } from '#proto/tokenbroker/v1/access_service';
import { accessRuleToWire, roleFromWire, workloadToWire } from '../messages/access.js';
import type { GrpcServerParts } from '../parts.js';
import { unary, type CallContext } from './unary.js';

type Methods = Pick<
  AccessServiceServer,
  | 'createWorkload'
  | 'listWorkloads'
  | 'deleteWorkload'
  | 'createAccessRule'
  | 'listAccessRules'
  | 'deleteAccessRule'
>;

/** `tokenbroker.v1.AccessService`. Roles are checked by the use cases. */
export function accessService(context: CallContext, { access }: Pick<GrpcServerParts, 'access'>): Methods {
  return {
    createWorkload: unary(context, async ({ workloadId, workload }, caller) => {
      if (!workload) throw BrokerError.of('INVALID_REQUEST', 'workload is missing.');
      const created = await access.createWorkload(caller, workloadId, {
        identities: workload.identities,
        roles: workload.roles.map(roleFromWire),
      });
      return { workload: workloadToWire(created) };
    }),

    listWorkloads: unary(context, async (_request, caller) => ({
      workloads: (await access.listWorkloads(caller)).map(workloadToWire),
    })),

    deleteWorkload: unary(context, async ({ name }, caller) => {
      await access.deleteWorkload(caller, parseWorkloadName(name));
      return {};
    }),

    createAccessRule: unary(context, async ({ accessRuleId, accessRule }, caller) => {
      if (!accessRule) throw BrokerError.of('INVALID_REQUEST', 'access_rule is missing.');
      const created = await access.createAccessRule(caller, {
        id: accessRuleId,
        workloadId: parseWorkloadName(accessRule.workload),
        connectionPattern: accessRule.connectionPattern,
      });
      return { accessRule: accessRuleToWire(created) };
    }),

    listAccessRules: unary(context, async (_request, caller) => ({
      accessRules: (await access.listAccessRules(caller)).map(accessRuleToWire),
    })),

    deleteAccessRule: unary(context, async ({ name }, caller) => {
      await access.deleteAccessRule(caller, parseAccessRuleName(name));
      return {};
    }),
  };
}
