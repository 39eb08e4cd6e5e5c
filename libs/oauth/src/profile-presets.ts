import type { Profile, ProfileSettings } from '#libs/core';

/**
 * What is assumed of a server of which nothing is known: RFC 6749 section 5.2 to the letter, and the worst of
 * a reuse (RFC 9700 section 4.14.2).
 */
const STRICT: ProfileSettings = {
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
  answerRules: [],
  errorStatuses: [400, 401, 403],
  // 429: RFC 6585 section 4. 503 alone proves nothing: servers and proxies also say it halfway through.
  notProcessed: [
    { status: 429, proofs: ['status'] },
    { status: 503, proofs: ['retry-after'] },
  ],
  probe: 'late',
  reuse: 'revokes',
  rotates: true,
  graceWindowMs: 0,
  consentForOfflineAccess: true,
  authorizationParameters: {},
};

/**
 * IdentityServer4 and Duende IdentityServer with `RefreshTokenUsage = OneTimeOnly`. Every refusal is a 400 with a
 * bare code: a token that is not found, has expired or was consumed is `invalid_grant`, and the tokens after it
 * live on, since `AcceptConsumedTokenAsync` answers no and does no more.
 * (github.com/IdentityServer/IdentityServer4 and github.com/DuendeSoftware/IdentityServer:
 * Services/Default/DefaultRefreshTokenService.cs; a server may override that method, also with a time window:
 * https://docs.duendesoftware.com/identityserver/reference/v8/services/refresh-token-service/.)
 * With `RefreshTokenUsage = ReUse` the handle stays the same: set `rotates` to false then.
 * Behind IIS, http.sys answers 503 by itself while the application pool is stopped (general knowledge).
 */
const IDENTITY_SERVER: ProfileSettings = {
  ...STRICT,
  notProcessed: [
    { status: 429, proofs: ['status'] },
    { status: 503, proofs: ['retry-after', 'http-sys-page'] },
  ],
  reuse: 'refused',
};

/** The presets by name. One more server is one more entry; no code knows a server. */
const PRESETS: Readonly<Record<string, ProfileSettings>> = {
  strict: STRICT,

  identityserver: IDENTITY_SERVER,

  /**
   * Thinkwise Indicium: an IdentityServer behind IIS. What it does on a reuse is not documented
   * (https://docs.thinkwisesoftware.com/docs/iam/client_apps), so that the worst is assumed.
   */
  indicium: { ...IDENTITY_SERVER, reuse: 'revokes' },

  /**
   * With "Revoke Refresh Token" on. Everything that ends a token is a 400 `invalid_grant`: "Maximum allowed
   * refresh token reuse exceeded", "Stale token", "Session not active", "Offline session not active", "Offline
   * user session not found", "Session doesn't have required client", "Token is not active", "User disabled". One
   * thing is not: a withdrawn consent is `invalid_scope`, "Client no longer has requested consent from user"
   * (github.com/keycloak/keycloak: services/src/main/java/org/keycloak/protocol/oidc/TokenManager.java,
   * `validateToken`, `validateTokenReuse`). That a reuse ends the session is what users report of recent versions.
   * "Refresh Token Max Reuse" above 0 makes a spent token work again: set `grace_window` to the "Refresh Token
   * Reuse Period" (github.com/keycloak/keycloak/pull/29966). With "Revoke Refresh Token" off set `reuse` to
   * accepted.
   */
  keycloak: {
    ...STRICT,
    answerRules: [
      { errors: ['invalid_scope'], phrases: ['no longer has requested consent'], meaning: 'final' },
    ],
  },

  /**
   * With refresh token rotation. A dead token is 403 `invalid_grant` "Unknown or invalid refresh token."
   * (https://community.auth0.com/t/120406); a reuse revokes every token that came after it; the leeway ("reuse
   * interval"), within which the previous token works again, is off unless set (github.com/auth0/docs:
   * articles/tokens/guides/configure-refresh-token-rotation.md): set `grace_window` to it.
   * A wrong client secret is 401 `access_denied` "Unauthorized" (general knowledge).
   * An API's own tokens want its `audience` among the authorization parameters (general knowledge).
   */
  auth0: {
    ...STRICT,
    answerRules: [
      { statuses: [401], errors: ['access_denied'], phrases: ['Unauthorized'], meaning: 'refused' },
    ],
  },

  /**
   * With "Rotate token after every use". A dead token is 400 `invalid_grant` "The refresh token is invalid or
   * expired." (support.okta.com: "Okta Refresh Token Invalid or Expired Error"); a reuse revokes the latest
   * refresh token; the grace period is 0 to 60 s, 30 s unless changed (github.com/okta/okta-developer-docs:
   * packages/@okta/vuepress-site/docs/guides/refresh-tokens/main/index.md). With persistent tokens, the default of
   * web and native apps, set `rotates` to false.
   */
  okta: { ...STRICT, graceWindowMs: 30_000 },

  /**
   * Microsoft Entra ID. "The Microsoft identity platform doesn't revoke old refresh tokens when used to fetch new
   * access tokens" (https://learn.microsoft.com/en-us/entra/identity-platform/refresh-tokens). AADSTS700082 and
   * 70008 (expired), 50173 (revoked), 700084, 70043 and their like are `invalid_grant`; 7000222 (expired secret) and
   * 7000215 are `invalid_client`; `interaction_required` and `consent_required` call for the user. Those below are
   * transient, whatever the `error` beside them (github.com/MicrosoftDocs/entra-docs:
   * docs/identity-platform/reference-error-codes.md). That page warns that the numbers may change: one that is
   * missing here means what its `error` says.
   */
  entra: {
    ...STRICT,
    finalErrors: ['invalid_grant', 'interaction_required', 'consent_required', 'login_required'],
    refusedErrors: [...STRICT.refusedErrors, 'invalid_resource'],
    answerRules: [
      {
        phrases: [
          'AADSTS40010', // OAuth2IdPRetryableServerError
          'AADSTS50033', // RetryableError
          'AADSTS50087', // SasRetryableError
          'AADSTS50196', // LoopDetected: too many of the same request
          'AADSTS70012', // MsaServerError
          'AADSTS90006', // ExternalServerRetryableError
          'AADSTS90012', // RequestTimeout
          'AADSTS90024', // RequestBudgetExceededError
          'AADSTS90033', // MsodsServiceUnavailable
          'AADSTS90055', // TenantThrottlingError
          'AADSTS90090', // GraphRetryableError
        ],
        meaning: 'refused',
      },
    ],
    reuse: 'accepted',
  },

  /**
   * Refresh tokens are not rotated: the answer has no new one (general knowledge, as RFC 6749 section 6 permits).
   * A dead one is 400 `invalid_grant` "Token has been expired or revoked."
   * (https://www.nango.dev/blog/google-oauth-invalid-grant-token-has-been-expired-or-revoked), also with the
   * `error_subtype` invalid_rapt, where the user has to log in again (https://unified.to/blog/why_google_oauth_returns).
   * There is no scope `offline_access`: a refresh token comes with `access_type=offline`
   * (https://developers.google.com/identity/protocols/oauth2/web-server#offline), reliably only after a consent.
   */
  google: {
    ...STRICT,
    reuse: 'accepted',
    rotates: false,
    consentForOfflineAccess: false,
    authorizationParameters: { access_type: 'offline', prompt: 'consent' },
  },

  /**
   * Ory Hydra. A reuse is `invalid_grant` and revokes all tokens. `invalid_request` "Failed to refresh token because
   * of multiple concurrent requests …" (or "Failed to refresh token. Please retry the request.") is what the loser of
   * a race gets: somebody's request was granted, perhaps a copy of this one that a proxy had made, so that the token
   * may be spent (github.com/ory/hydra: fosite/handler/oauth2/flow_refresh.go). The grace period is off unless set
   * (github.com/ory/docs: docs/hydra/guides/graceful-token-refresh.mdx): set `grace_window` to it.
   */
  hydra: {
    ...STRICT,
    answerRules: [{ errors: ['invalid_request'], phrases: ['Failed to refresh token'], meaning: 'doubtful' }],
  },

  /**
   * Every refusal below 500 is `invalid_request`, also that of a dead token, with the status 400, or 404 where it is
   * not found (github.com/zitadel/zitadel: internal/api/oidc/error.go, internal/api/http/error.go; newer versions
   * say `invalid_grant`). A reuse does not revoke the tokens after it (github.com/zitadel/zitadel/issues/7321).
   */
  zitadel: {
    ...STRICT,
    answerRules: [
      {
        statuses: [400, 404],
        errors: ['invalid_request'],
        phrases: ['Errors.OIDCSession.RefreshTokenInvalid', 'Errors.User.RefreshToken'],
        meaning: 'final',
      },
    ],
    reuse: 'refused',
  },
};

/** All presets, in the order of their names. */
export const PROFILE_PRESETS: readonly Profile[] = Object.entries(PRESETS)
  .map(([name, settings]) => ({ name, ...settings }))
  .sort((a, b) => (a.name < b.name ? -1 : 1));
