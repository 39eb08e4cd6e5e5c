import type { Connection } from '../connection/connection.js';
import type { OAuthClient } from '../oauth-client/oauth-client.js';
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

/** How long before the access token's end an in-doubt connection is probed, at the most. */
const PROBE_MARGIN_MS = 60_000;

/**
 * When the next rotation is due: at the OAuth client's share of the token's life, up to a tenth of that
 * life earlier. How much earlier is nearly all the connection's own: those that were authorized or restored
 * together do not fall due together, and go around at different speeds, so that they spread further with each
 * rotation and stay spread.
 * @param uid the connection's
 * @param random uniform in [0, 1)
 */
export function dueAfterRotation(
  client: OAuthClient,
  uid: string,
  requestedAt: number,
  tokenTtlMs: number,
  random: () => number,
): number {
  const share = Math.max(client.rotateAt - SPREAD * phaseOf(uid) - JITTER * random(), 0.05);
  return requestedAt + Math.floor(tokenTtlMs * share);
}

/**
 * When to try again after a failure that spent nothing: exponential backoff with full jitter, not before
 * what the authorization server asked for (`Retry-After`, RFC 9110 section 10.2.3).
 * @param failureCount failures in a row, this one included
 */
export function retryAt(
  now: number,
  failureCount: number,
  retryAfterMs: number | undefined,
  random: () => number,
): number {
  const ceiling = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(failureCount - 1, 20));
  const backoff = Math.max(Math.floor(ceiling * random()), BACKOFF_BASE_MS / 4);
  return now + Math.max(backoff, retryAfterMs ?? 0);
}

/**
 * When an in-doubt connection is probed: as late as is safe, shortly before its access token ends; at once
 * where it has none.
 */
export function probeAt(connection: Connection, now: number): number {
  if (connection.expiresAt === undefined) return now;
  const margin = Math.min(PROBE_MARGIN_MS, (connection.tokenTtlMs ?? PROBE_MARGIN_MS) / 4);
  return Math.max(now, connection.expiresAt - margin);
}
