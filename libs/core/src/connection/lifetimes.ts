import type { OAuthClient } from '../oauth-client/oauth-client.js';
import type { Connection } from './connection.js';

/** Until when a refresh token, and the authorization that it belongs to, are good as far as is known. */
export interface Lifetimes {
  /** The present refresh token's own end, unless it is used before. */
  readonly refreshExpiresAt?: number;
  /** The end of the authorization, whatever is done with its refresh tokens. */
  readonly authorizationExpiresAt?: number;
}

/** What an answer says of both. */
export interface AnsweredLifetimes {
  /** Whether it brought another refresh token. */
  readonly refreshToken?: unknown;
  /** For how long that, or else the one that was sent, may be held without being used. */
  readonly refreshTokenExpiresInMs?: number;
  readonly authorizationExpiresInMs?: number;
}

/** What was known before. */
export type EarlierLifetimes = Pick<
  Connection,
  'refreshExpiresAt' | 'authorizationExpiresAt' | 'authorizedAt' | 'lastRotatedAt'
>;

/** The settings of an OAuth client that are about them. */
export type ConfiguredLifetimes = Pick<OAuthClient, 'refreshTokenIdleTtlMs' | 'authorizationTtlMs'>;

/** Answers are in whole seconds and take a while: rotations closer to each other than this tell nothing. */
const TELLING_MS = 10_000;

/**
 * The lifetimes after an answer: as configured, or as answered, the sooner where it is both.
 *
 * Servers rarely say when an authorization ends. It shows where an exchange does not prolong the refresh
 * token's life: in what a server answers that counts down to the end of a session, and in a refresh token that
 * is not replaced although it has an end.
 * @param rotates whether the server replaces refresh tokens
 */
export function lifetimesAfter(
  answer: AnsweredLifetimes,
  requestedAt: number,
  configured: ConfiguredLifetimes,
  before: EarlierLifetimes,
  rotates: boolean,
): Lifetimes {
  const { refreshTokenIdleTtlMs: idle } = configured;
  const answered = endOf(requestedAt, answer.refreshTokenExpiresInMs);
  const stays = answer.refreshToken === undefined;
  const kept = stays && idle === undefined ? before.refreshExpiresAt : undefined;
  const refreshExpiresAt = sooner(endOf(requestedAt, idle), answered ?? kept);
  const fixedEnd =
    answered === undefined ? kept : isFixed(answered, requestedAt, before, rotates) ? answered : undefined;
  const authorizationExpiresAt = authorizationEnd(
    answer,
    requestedAt,
    configured,
    before,
    answered,
    fixedEnd,
  );
  return {
    ...(refreshExpiresAt === undefined ? {} : { refreshExpiresAt }),
    ...(authorizationExpiresAt === undefined ? {} : { authorizationExpiresAt }),
  };
}

/** Whether the life that was answered is no longer than before, although the refresh token has just been used. */
function isFixed(answered: number, requestedAt: number, before: EarlierLifetimes, rotates: boolean): boolean {
  if (!rotates) return true;
  const { refreshExpiresAt, lastRotatedAt } = before;
  if (refreshExpiresAt === undefined || lastRotatedAt === undefined) return false;
  const elapsed = requestedAt - lastRotatedAt;
  return elapsed >= TELLING_MS && answered - refreshExpiresAt < elapsed / 2;
}

function authorizationEnd(
  answer: AnsweredLifetimes,
  requestedAt: number,
  { authorizationTtlMs }: ConfiguredLifetimes,
  before: EarlierLifetimes,
  answeredRefresh: number | undefined,
  fixedEnd: number | undefined,
): number | undefined {
  const known = sooner(
    endOf(before.authorizedAt, authorizationTtlMs),
    endOf(requestedAt, answer.authorizationExpiresInMs),
  );
  if (known !== undefined) return sooner(known, fixedEnd);
  const { authorizationExpiresAt: earlier } = before;
  // No refresh token outlives its authorization (draft-ietf-oauth-refresh-token-expiration-03, section 5): one
  // that does shows that the authorization was prolonged.
  const prolonged =
    earlier !== undefined && answeredRefresh !== undefined && answeredRefresh > earlier + TELLING_MS;
  return sooner(prolonged ? undefined : earlier, fixedEnd);
}

/**
 * When a connection needs its user (again) at the latest, as far as is known. A refresh token's own end counts
 * only where nothing prolongs it: while rotations fail, or are paused. The database computes the same
 * (`reauthorize_at`).
 */
export function reauthorizeAt(connection: Connection): number | undefined {
  const { state, failureCount, refreshExpiresAt, authorizationExpiresAt, lastError, createdAt } = connection;
  switch (state) {
    case 'REAUTHORIZATION_REQUIRED':
      return lastError?.at ?? createdAt;
    case 'REVOKED':
      return undefined;
    case 'PAUSED':
      return sooner(refreshExpiresAt, authorizationExpiresAt);
    case 'ACTIVE':
    case 'IN_DOUBT':
      return failureCount === 0 ? authorizationExpiresAt : sooner(refreshExpiresAt, authorizationExpiresAt);
  }
}

function endOf(start: number | undefined, ttlMs: number | undefined): number | undefined {
  return start === undefined || ttlMs === undefined ? undefined : start + ttlMs;
}

function sooner(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
