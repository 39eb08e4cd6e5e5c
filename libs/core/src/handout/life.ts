import type { AccessToken } from '../connection/connection.js';

const DEFAULT_MIN_TTL_MS = 30_000;
const LARGEST_SKEW_MS = 10_000;

/**
 * How much earlier than its expiry a token counts as over, for clocks that differ: 10 seconds, or a
 * twentieth of its life where that is less.
 */
export function skewAllowance(tokenTtlMs: number): number {
  return Math.min(LARGEST_SKEW_MS, Math.floor(tokenTtlMs / 20));
}

/** The life that a token has left for sure, in milliseconds; negative when it is over (promise P5). */
export function lifeLeft(token: Pick<AccessToken, 'requestedAt' | 'expiresAt'>, now: number): number {
  return token.expiresAt - skewAllowance(token.expiresAt - token.requestedAt) - now;
}

/**
 * The longest `min_ttl` that a token of this life can satisfy. It allows for the exchange as well as for the
 * skew: a caller that asks for more would make every read a rotation.
 */
export function longestTtl(tokenTtlMs: number): number {
  return tokenTtlMs - 2 * skewAllowance(tokenTtlMs);
}

/**
 * The life that a caller wants: as asked; where it did not say, 30 seconds or a quarter of the token's life,
 * whichever is less. The latter is a wish only: see {@link AccessTokenHandOut}.
 */
export function wantedTtl(
  minTtlMs: number | undefined,
  token: Pick<AccessToken, 'requestedAt' | 'expiresAt'>,
): number {
  return minTtlMs ?? Math.min(DEFAULT_MIN_TTL_MS, (token.expiresAt - token.requestedAt) / 4);
}
