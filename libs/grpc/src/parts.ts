import type {
  AccessAdministration,
  AccessPolicy,
  AccessTokenHandOut,
  ClientAdministration,
  ClientFreezing,
  ClientStatuses,
  Clock,
  ConnectionAdministration,
  EventSink,
  FleetAdministration,
} from '#libs/core';

/** The use cases that the gRPC services stand in front of. */
export interface GrpcServerParts {
  /** Who is who, now: asked at every call, so that a change of workloads takes effect at once (P12). */
  readonly policy: () => AccessPolicy;
  readonly handOut: Pick<AccessTokenHandOut, 'get'>;
  readonly connections: Pick<
    ConnectionAdministration,
    | 'startAuthorization'
    | 'createServiceAccount'
    | 'importRefreshToken'
    | 'get'
    | 'list'
    | 'listReauthorizations'
    | 'rotate'
    | 'pause'
    | 'resume'
  >;
  readonly clients: Pick<
    ClientAdministration,
    'create' | 'get' | 'list' | 'update' | 'delete' | 'listProfiles' | 'effectiveProfile'
  >;
  readonly freezing: Pick<ClientFreezing, 'freeze' | 'thaw'>;
  readonly statuses: Pick<ClientStatuses, 'get' | 'list'>;
  readonly access: Pick<
    AccessAdministration,
    | 'createWorkload'
    | 'listWorkloads'
    | 'deleteWorkload'
    | 'createAccessRule'
    | 'listAccessRules'
    | 'deleteAccessRule'
  >;
  readonly fleet: Pick<FleetAdministration, 'view' | 'declareLost' | 'admit' | 'freeze' | 'thaw'>;
  /** The redirect URI of every OAuth client, as it has to be registered. */
  readonly redirectUri: string;
  readonly events: EventSink;
  readonly clock: Clock;
}
