import {
  BrokerError,
  replicaName,
  replicaState,
  type DatabaseView,
  type Lineage,
  type Replica,
} from '#libs/core';
import {
  Installation_FreezeReason as FreezeReason,
  Replica_State as State,
  ThawInstallationRequest_Lineage as WireLineage,
  type Installation,
  type Replica as WireReplica,
} from '#proto/tokenbroker/v1/fleet_service';
import { timestampFromMillis } from './time.js';

/** A replica on the wire. @param now the database's clock, which `lastSeenAt` is by */
export function replicaToWire(replica: Replica, now: number): WireReplica {
  return {
    name: replicaName(replica.spoolId),
    displayName: replica.name,
    state: State[replicaState(replica, now)],
    trouble: replica.trouble ?? '',
    timeline: BigInt(replica.timeline),
    startTime: timestampFromMillis(replica.startedAt),
    lastSeenTime: timestampFromMillis(replica.lastSeenAt),
    admittedBy: replica.admittedBy ?? '',
    lostBy: replica.lostBy ?? '',
  };
}

/** The installation on the wire. */
export function installationToWire(view: DatabaseView): Installation {
  const { freeze } = view;
  return {
    uid: view.installationId,
    freezeReason: FreezeReason[freeze?.reason ?? 'UNSPECIFIED'],
    freezeDetail: freeze?.detail ?? '',
    frozenBy: freeze?.by ?? '',
    freezeTime: freeze && timestampFromMillis(freeze.at),
    systemIdentifier: view.systemIdentifier ?? '',
    actualSystemIdentifier: view.actualSystemIdentifier,
    timeline: BigInt(view.timeline),
    attemptNumber: BigInt(view.attemptNumber),
    thawedBy: view.thawedBy ?? '',
    thawTime: view.thawedAt === undefined ? undefined : timestampFromMillis(view.thawedAt),
  };
}

/** @throws {BrokerError} `INVALID_REQUEST` for a number that is none */
export function lineageFromWire(lineage: WireLineage): Lineage | undefined {
  switch (lineage) {
    case WireLineage.UNSPECIFIED:
      return undefined;
    case WireLineage.CURRENT:
      return 'CURRENT';
    case WireLineage.OUTDATED:
      return 'OUTDATED';
    default:
      throw BrokerError.of('INVALID_REQUEST', 'lineage is CURRENT or OUTDATED.');
  }
}
