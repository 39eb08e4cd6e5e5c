import { parseReplicaName } from '#libs/core';
import type { FleetServiceServer } from '#proto/tokenbroker/v1/fleet_service';
import { installationToWire, lineageFromWire, replicaToWire } from '../messages/fleet.js';
import type { GrpcServerParts } from '../parts.js';
import { unary, type CallContext } from './unary.js';

type Methods = Pick<
  FleetServiceServer,
  | 'listReplicas'
  | 'declareReplicaLost'
  | 'admitReplica'
  | 'getInstallation'
  | 'freezeInstallation'
  | 'thawInstallation'
>;

/** `tokenbroker.v1.FleetService`. Roles are checked by the use cases. */
export function fleetService(
  context: CallContext,
  { fleet, clock }: Pick<GrpcServerParts, 'fleet' | 'clock'>,
): Methods {
  return {
    listReplicas: unary(context, async (_request, caller) => {
      const { replicas, now } = await fleet.view(caller);
      return { replicas: replicas.map((replica) => replicaToWire(replica, now)) };
    }),

    declareReplicaLost: unary(context, async ({ name }, caller) => {
      const replica = await fleet.declareLost(caller, parseReplicaName(name));
      return { replica: replicaToWire(replica, clock.now()) };
    }),

    admitReplica: unary(context, async ({ name }, caller) => {
      const replica = await fleet.admit(caller, parseReplicaName(name));
      return { replica: replicaToWire(replica, clock.now()) };
    }),

    getInstallation: unary(context, async (_request, caller) => ({
      installation: installationToWire(await fleet.view(caller)),
    })),

    freezeInstallation: unary(context, async ({ detail }, caller) => ({
      installation: installationToWire(await fleet.freeze(caller, detail)),
    })),

    thawInstallation: unary(context, async ({ lineage }, caller) => ({
      installation: installationToWire(await fleet.thaw(caller, lineageFromWire(lineage))),
    })),
  };
}
