import type { Connection } from '../connection/connection.js';
import type { Lifetimes } from '../connection/lifetimes.js';
import type { OAuthClient } from '../oauth-client/oauth-client.js';
import type { RotationProfile } from './rotation-profile.js';
import { phaseOf } from './phase.js';

/** The times that bound a rotation, in milliseconds. Configuration checks that they are in this order. */
export interface RotationTimings {
  /** Hard deadline of one exchange with the authorization server. */
  readonly exchangeTimeoutMs: number;
  /** From when on an attempt may be taken over; longer than the exchange, shorter than the lock's life. */
  readonly attemptDeadlineMs: number;
}

/** How far the moment of a rotation is spread, as a share of the token's life (promise P11): by phase, and by chance. */
const SPREAD = 0.09;
const JITTER = 0.01;

/** Bounds of the backoff after failures. */
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_CAP_MS = 300_000;

/** How long a replica that is gone may take to come back with the answer, at the most. */
const COME_BACK_MS = 30_000;

/** How long before the access token's end an in-doubt connection is probed, at the most. */
const PROBE_MARGIN_MS = 60_000;

/** How much of a grace window has to be left for a probe within it, at the most. */
const GRACE_MARGIN_MS = 10_000;

/** How long before a refresh token's own end it is used at the latest: a tenth of its life, at least a minute. */
const REFRESH_MARGIN_MS = 60_000;

/**
 * When the next rotation is due: at the OAuth client's share of the token's life, up to a tenth of that
 * life earlier. How much earlier is nearly all the connection's own: those that were authorized or restored
 * together do not fall due together, and go around at different speeds, so that they spread further with each
 * rotation and stay spread. In time before the refresh token's own end in any case.
 * @param uid the connection's
 * @param random uniform in [0, 1)
 * @param lifetimes of the refresh token that has come with it
 */
export function dueAfterRotation(
  client: OAuthClient,
  uid: string,
  requestedAt: number,
  tokenTtlMs: number,
  random: () => number,
  lifetimes: Lifetimes = {},
): number {
  const share = Math.max(client.rotateAt - SPREAD * phaseOf(uid) - JITTER * random(), 0.05);
  const due = requestedAt + Math.floor(tokenTtlMs * share);
  return Math.min(due, lastSafeRotation(requestedAt, random, lifetimes) ?? due);
}

/**
 * When a refresh token has to be used so that it does not end by itself, jitter included; `undefined` where
 * that is not known, or where using it prolongs nothing.
 */
export function lastSafeRotation(
  requestedAt: number,
  random: () => number,
  { refreshExpiresAt, authorizationExpiresAt }: Lifetimes,
): number | undefined {
  if (refreshExpiresAt === undefined) return undefined;
  if (authorizationExpiresAt !== undefined && refreshExpiresAt >= authorizationExpiresAt) return undefined;
  const life = refreshExpiresAt - requestedAt;
  const margin = Math.min(Math.max(life / 10, REFRESH_MARGIN_MS), life / 2);
  return requestedAt + Math.floor((life - margin) * (1 - SPREAD * random()));
}

/**
 * When to try again after a failure that spent nothing: exponential backoff with full jitter, not before
 * what the authorization server asked for (`Retry-After`, RFC 9110 section 10.2.3). Of what is left of the
 * refresh token's own life, no more than half is waited out: once it is over, only its user can help.
 * @param failureCount failures in a row, this one included
 */
export function retryAt(
  now: number,
  failureCount: number,
  retryAfterMs: number | undefined,
  random: () => number,
  refreshExpiresAt?: number,
): number {
  const left = refreshExpiresAt !== undefined && refreshExpiresAt > now ? refreshExpiresAt - now : Infinity;
  const ceiling = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(failureCount - 1, 20), left / 2);
  const backoff = Math.max(Math.floor(ceiling * random()), BACKOFF_BASE_MS / 4);
  return now + Math.max(backoff, retryAfterMs ?? 0);
}

/**
 * When an in-doubt connection is probed. Within the grace window at once: there even a spent token is answered.
 * Otherwise as late as is safe, shortly before its access token ends, so that it is served until then; where it has
 * none, at once, or once its replica has had some time to come back with the answer.
 * @param sending.sentAt when the refresh token was sent at the earliest
 * @param sending.mayComeBack whether a spool may still have the answer
 */
export function probeAt(
  connection: Connection,
  now: number,
  { probe, graceWindowMs }: RotationProfile,
  { sentAt, mayComeBack }: { readonly sentAt: number; readonly mayComeBack: boolean },
): number {
  const graceMargin = Math.min(GRACE_MARGIN_MS, graceWindowMs / 2);
  if (probe !== 'never' && now < sentAt + graceWindowMs - graceMargin) return now;
  const { expiresAt = now, tokenTtlMs = PROBE_MARGIN_MS, refreshExpiresAt = 0 } = connection;
  const share = tokenTtlMs / 4;
  const earliest = now + (mayComeBack ? Math.min(COME_BACK_MS, share) : 0);
  const late = Math.max(earliest, expiresAt - Math.min(PROBE_MARGIN_MS, share));
  // A refresh token that is unspent after all must not end by itself meanwhile.
  const left = refreshExpiresAt - now;
  return left > 0 ? Math.min(late, Math.floor(refreshExpiresAt - Math.min(PROBE_MARGIN_MS, left / 4))) : late;
}
