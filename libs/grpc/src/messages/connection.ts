import {
  BrokerError,
  connectionName,
  reauthorizeAt,
  type Connection,
  type ConnectionState,
  type GrantType,
  type SubjectKind,
} from '#libs/core';
import {
  Connection_GrantType as WireGrantType,
  Connection_State as WireState,
  Connection_SubjectKind as WireSubjectKind,
  type Connection as WireConnection,
} from '#proto/tokenbroker/v1/connection_service';
import { optionalTimestamp, timestampFromMillis } from './time.js';

const WIRE_GRANT_TYPE: Readonly<Record<GrantType, WireGrantType>> = {
  refresh_token: WireGrantType.REFRESH_TOKEN,
  client_credentials: WireGrantType.CLIENT_CREDENTIALS,
};

/** A connection as callers see it: without any token, sealed or not. */
export function connectionToWire(connection: Connection): WireConnection {
  const { lastError } = connection;
  return {
    name: connectionName(connection),
    state: WireState[connection.state],
    subjectKind: WireSubjectKind[connection.subjectKind],
    subject: connection.subject ?? '',
    grantType: WIRE_GRANT_TYPE[connection.grantType],
    generation: BigInt(connection.generation),
    scopes: [...connection.scopes],
    expireTime: optionalTimestamp(connection.expiresAt),
    rotateTime: optionalTimestamp(connection.dueAt),
    lastRotateTime: optionalTimestamp(connection.lastRotatedAt),
    failureCount: connection.failureCount,
    lastError: lastError ? `${lastError.code}: ${lastError.description}` : '',
    createTime: timestampFromMillis(connection.createdAt),
    updateTime: timestampFromMillis(connection.updatedAt),
    revision: BigInt(connection.revision),
    refreshTokenExpireTime: optionalTimestamp(connection.refreshExpiresAt),
    reauthorizeTime: optionalTimestamp(reauthorizeAt(connection)),
    authorizeTime: optionalTimestamp(connection.authorizedAt),
  };
}

/** @throws {BrokerError} `INVALID_REQUEST` for a number that is no state */
export function stateFromWire(state: WireState): ConnectionState | undefined {
  switch (state) {
    case WireState.UNSPECIFIED:
      return undefined;
    case WireState.ACTIVE:
      return 'ACTIVE';
    case WireState.IN_DOUBT:
      return 'IN_DOUBT';
    case WireState.REAUTHORIZATION_REQUIRED:
      return 'REAUTHORIZATION_REQUIRED';
    case WireState.PAUSED:
      return 'PAUSED';
    case WireState.REVOKED:
      return 'REVOKED';
    default:
      throw BrokerError.of('INVALID_REQUEST', 'state is not one that connections have.');
  }
}

/** Unset means a user. @throws {BrokerError} `INVALID_REQUEST` for a number that is no kind */
export function subjectKindFromWire(kind: WireSubjectKind): SubjectKind {
  switch (kind) {
    case WireSubjectKind.UNSPECIFIED:
    case WireSubjectKind.USER:
      return 'USER';
    case WireSubjectKind.SERVICE_ACCOUNT:
      return 'SERVICE_ACCOUNT';
    default:
      throw BrokerError.of('INVALID_REQUEST', 'subject_kind is USER or SERVICE_ACCOUNT.');
  }
}
