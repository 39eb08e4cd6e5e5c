/** Ten years: whoever says more does not mean it. */
const LONGEST_TTL_SECONDS = 10 * 365 * 24 * 60 * 60;

/**
 * A hundred years. "Clients MUST treat all large values as literals"
 * (draft-ietf-oauth-refresh-token-expiration-03, section 6.1.2); what is larger cannot be meant.
 */
const LONGEST_LIFE_SECONDS = 10 * LONGEST_TTL_SECONDS;

/**
 * Where servers say how long the refresh token may be held without being used, in seconds: the draft's name, that
 * of its first versions, of Entra, GitHub and Google, and Keycloak's, whose 0 means that the token itself has no
 * end (offline tokens; the session may have one all the same) and is as if it were missing.
 */
const REFRESH_TOKEN_LIFE = [
  'refresh_token_timeout',
  'refresh_token_expires_in',
  'refresh_expires_in',
] as const;

/** RFC 6749 section 3.3; what is none would not even be storable. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/;

/** A successful answer (RFC 6749 section 5.1), as far as it makes sense. */
export interface TokenResponse {
  readonly accessToken: string;
  readonly tokenType: string;
  readonly expiresInMs?: number;
  readonly refreshToken?: string;
  readonly scopes?: readonly string[];
  readonly refreshTokenExpiresInMs?: number;
  readonly authorizationExpiresInMs?: number;
}

/** Reads a successful answer; `undefined` where it has no access token. What makes no sense is left out. */
export function tokenResponseOf(body: Readonly<Record<string, unknown>>): TokenResponse | undefined {
  const accessToken = body['access_token'];
  if (typeof accessToken !== 'string' || accessToken === '') return undefined;
  const expiresInMs = ttlMs(body['expires_in']);
  const refreshToken = body['refresh_token'];
  const scopes = scopesOf(body['scope']);
  const refreshTokenExpiresInMs = REFRESH_TOKEN_LIFE.map((name) =>
    ttlMs(body[name], LONGEST_LIFE_SECONDS),
  ).find((ms) => ms !== undefined);
  const authorizationExpiresInMs = ttlMs(body['authorization_expires_in'], LONGEST_LIFE_SECONDS);
  return {
    accessToken,
    tokenType: tokenTypeOf(body['token_type']),
    ...(expiresInMs === undefined ? {} : { expiresInMs }),
    ...(typeof refreshToken === 'string' && refreshToken !== '' ? { refreshToken } : {}),
    ...(scopes.length > 0 ? { scopes } : {}),
    ...(refreshTokenExpiresInMs === undefined ? {} : { refreshTokenExpiresInMs }),
    ...(authorizationExpiresInMs === undefined ? {} : { authorizationExpiresInMs }),
  };
}

/** A JSON object, or `undefined`. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return value as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** A form (RFC 6749 appendix B), where the content type says that it is one. */
export function parseForm(text: string, contentType: string): Readonly<Record<string, unknown>> | undefined {
  if (!/^application\/x-www-form-urlencoded\b/i.test(contentType)) return undefined;
  return Object.fromEntries(new URLSearchParams(text));
}

/** `Bearer` however it is written (RFC 6749 section 5.1: case insensitive), and where it is missing. */
export function tokenTypeOf(value: unknown): string {
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,100}$/.test(value)) return 'Bearer';
  return value.toLowerCase() === 'bearer' ? 'Bearer' : value;
}

/** Seconds as a number or, against the RFC and yet common, as a string of digits. */
function ttlMs(value: unknown, longest = LONGEST_TTL_SECONDS): number | undefined {
  const seconds = typeof value === 'string' && /^\d{1,12}(\.\d+)?$/.test(value) ? Number(value) : value;
  if (typeof seconds !== 'number' || !(seconds > 0) || seconds > longest) return undefined;
  return Math.floor(seconds * 1_000) || undefined;
}

function scopesOf(value: unknown): string[] {
  const scopes = Array.isArray(value) ? value : typeof value === 'string' ? value.split(/\s+/) : [];
  return [
    ...new Set(
      scopes.filter((scope): scope is string => typeof scope === 'string' && SCOPE_TOKEN.test(scope)),
    ),
  ];
}
