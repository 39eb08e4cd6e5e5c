import type {
  Attempt,
  Connection,
  ConnectionState,
  Doubt,
  Freeze,
  GrantType,
  LastError,
  Sealed,
  StoredAccessToken,
  SubjectKind,
} from '#libs/core';
import type { AccessTokenRow, ConnectionRow, OAuthClientRow } from './rows.js';

/** A row of `connection` as the domain sees it. */
export function toConnection(row: ConnectionRow): Connection {
  const attempt = toAttempt(row);
  const doubt = toDoubt(row);
  const lastError = toLastError(row);
  return {
    uid: row.uid,
    clientId: row.client_id,
    connectionId: row.id,
    state: row.state as ConnectionState,
    subjectKind: row.subject_kind as SubjectKind,
    grantType: row.grant_type as GrantType,
    generation: Number(row.generation),
    scopes: row.scopes,
    authorizationEpoch: row.authorization_epoch,
    failureCount: row.failure_count,
    revision: Number(row.revision),
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
    ...(row.state_before_pause === null
      ? {}
      : { stateBeforePause: row.state_before_pause as ConnectionState }),
    ...(row.subject === null ? {} : { subject: row.subject }),
    ...(row.sealed_refresh_token === null ? {} : { refreshToken: row.sealed_refresh_token as Sealed }),
    ...(row.due_at === null ? {} : { dueAt: row.due_at.getTime() }),
    ...(row.not_before === null ? {} : { notBefore: row.not_before.getTime() }),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at.getTime() }),
    ...(row.token_ttl_ms === null ? {} : { tokenTtlMs: Number(row.token_ttl_ms) }),
    ...(row.last_rotated_at === null ? {} : { lastRotatedAt: row.last_rotated_at.getTime() }),
    ...(row.authorized_at === null ? {} : { authorizedAt: row.authorized_at.getTime() }),
    ...(row.refresh_expires_at === null ? {} : { refreshExpiresAt: row.refresh_expires_at.getTime() }),
    ...(row.authorization_expires_at === null
      ? {}
      : { authorizationExpiresAt: row.authorization_expires_at.getTime() }),
    ...(attempt ? { attempt } : {}),
    ...(doubt ? { doubt } : {}),
    ...(lastError ? { lastError } : {}),
  };
}

/** The attempt that is under way, if any. */
export function toAttempt(row: ConnectionRow): Attempt | undefined {
  if (row.attempt_id === null) return undefined;
  return {
    id: row.attempt_id,
    generation: Number(row.attempt_generation),
    replica: row.attempt_replica ?? '',
    startedAt: row.attempt_started_at?.getTime() ?? 0,
    deadlineAt: row.attempt_deadline_at?.getTime() ?? 0,
    ...(row.attempt_spool_id === null ? {} : { spoolId: row.attempt_spool_id }),
    ...(row.attempt_boot_id === null ? {} : { bootId: row.attempt_boot_id }),
    ...(row.attempt_number === null ? {} : { number: Number(row.attempt_number) }),
  };
}

function toDoubt(row: ConnectionRow): Doubt | undefined {
  if (row.doubt_attempt_id === null) return undefined;
  return {
    attemptId: row.doubt_attempt_id,
    at: row.doubted_at?.getTime() ?? 0,
    ...(row.doubt_spool_id === null ? {} : { spoolId: row.doubt_spool_id }),
  };
}

function toLastError(row: ConnectionRow): LastError | undefined {
  if (row.last_error_code === null) return undefined;
  return {
    code: row.last_error_code,
    description: row.last_error_description ?? '',
    at: row.last_error_at?.getTime() ?? 0,
  };
}

/** A row of `access_token` as it comes out of `to_jsonb`: its times are ISO 8601 texts. */
export type AccessTokenJson = Omit<AccessTokenRow, 'requested_at' | 'expires_at'> & {
  requested_at: string;
  expires_at: string;
};

/** A row of `access_token` as the domain sees it. */
export function toStoredAccessToken(row: AccessTokenJson): StoredAccessToken {
  return {
    variantKey: row.variant_key,
    token: row.sealed_token as Sealed,
    tokenType: row.token_type,
    scopes: row.scopes,
    resource: row.resource,
    generation: Number(row.generation),
    requestedAt: Date.parse(row.requested_at),
    expiresAt: Date.parse(row.expires_at),
  };
}

/** The freeze of an OAuth client, if it is frozen. */
export function toFreeze(
  row: Pick<OAuthClientRow, 'frozen_at' | 'frozen_reason' | 'frozen_by'>,
): Freeze | undefined {
  if (row.frozen_at === null) return undefined;
  return { reason: row.frozen_reason ?? '', by: row.frozen_by ?? '', at: row.frozen_at.getTime() };
}
