/** What an answer has to have, beside its status, to count as "not processed". */
export type NotProcessedProof =
  /** The status alone says it. */
  | 'status'
  /** A `Retry-After` header: somebody who knows what came in says to come again. */
  | 'retry-after'
  /** The page that http.sys answers by itself while the application behind it is stopped. */
  | 'http-sys-page';

/** How an authorization server deviates. One more server is one more entry of {@link PROFILES}. */
export interface Profile {
  readonly name: string;
  /** Error codes (RFC 6749 section 5.2) that end an authorization for good. */
  readonly finalErrors: readonly string[];
  /** Error codes that say that the request was turned down before the refresh token was looked at. */
  readonly refusedErrors: readonly string[];
  /** Statuses that say that the request was not processed, and the proof that each needs. */
  readonly notProcessed: Readonly<Record<number, readonly NotProcessedProof[]>>;
  /** Whether an in-doubt refresh token may be tried once more, as late as is safe. */
  readonly probe: 'late' | 'never';
  /**
   * Whether `prompt=consent` goes along with `offline_access`. OpenID Connect Core section 11 asks for it,
   * and some servers drop `offline_access` silently without it.
   */
  readonly consentForOfflineAccess: boolean;
}

const STRICT: Profile = {
  name: 'strict',
  finalErrors: ['invalid_grant'],
  refusedErrors: [
    'invalid_client',
    'invalid_request',
    'invalid_scope',
    'invalid_target', // RFC 8707 section 2
    'temporarily_unavailable',
    'unauthorized_client',
    'unsupported_grant_type',
  ],
  notProcessed: { 429: ['status'], 503: ['retry-after'] },
  probe: 'late',
  consentForOfflineAccess: true,
};

/** IdentityServer behind IIS: while the application pool is down, http.sys answers 503 by itself. */
const IDENTITY_SERVER: Profile = {
  ...STRICT,
  name: 'identityserver',
  notProcessed: { 429: ['status'], 503: ['retry-after', 'http-sys-page'] },
};

/** The known profiles by name. */
export const PROFILES: Readonly<Record<string, Profile>> = {
  strict: STRICT,
  identityserver: IDENTITY_SERVER,
  indicium: { ...IDENTITY_SERVER, name: 'indicium' },
};

/** The profile of this name; the strictest where the name is not known (any more). */
export function profileNamed(name: string): Profile {
  return (Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined) ?? STRICT;
}
