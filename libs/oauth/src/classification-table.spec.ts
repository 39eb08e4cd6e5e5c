import { Secret, type Interpretation, type ProfileSettings, type RawAnswer } from '#libs/core';
import { classifyAnswer } from './classify-answer.js';
import { profileNamed } from './profiles.js';

/** What an answer means, and the code that is shown. */
type Meaning = readonly [kind: Interpretation['kind'], code?: string];

/**
 * One answer of a real server. Where it means different things by profile, each is there; the sources are in
 * `profile-presets.ts`.
 */
interface Row {
  readonly answer: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** An OAuth client's own settings. */
  readonly settings?: Partial<ProfileSettings>;
  readonly means: Readonly<Record<string, Meaning>>;
  /** What the description has in it. */
  readonly says?: RegExp;
}

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };
const HTML_TYPE = { 'content-type': 'text/html' };
const PAGE =
  '<!DOCTYPE html><html><head><title>Oops</title></head><body><h1>Something went wrong</h1></body></html>';
const TOKENS = {
  access_token: 'at',
  token_type: 'Bearer',
  expires_in: 3600,
  refresh_token: 'next-refresh-token',
  scope: 'openid sf',
};

function judge({ status, headers = JSON_TYPE, body, settings }: Row, profile: string): Interpretation {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer: RawAnswer = { status, headers, body: new Secret(text) };
  return classifyAnswer(answer, profileNamed(profile, settings));
}

function table(title: string, rows: readonly Row[]): void {
  const cases = rows.flatMap((row) =>
    Object.entries(row.means).map(([profile, meaning]) => ({ row, profile, meaning })),
  );
  describe(title, () => {
    test.each(cases.map((one) => [one.row.answer, one.profile, one.meaning.join(' '), one] as const))(
      '%s, for %s: %s',
      (_answer, _profile, _means, { row, profile, meaning: [kind, code] }) => {
        const judged = judge(row, profile);
        expect(judged.kind).toBe(kind);
        if (judged.kind === 'granted') return;
        if (code !== undefined) expect(judged.code).toBe(code);
        if (row.says) expect(judged.description).toMatch(row.says);
      },
    );
  });
}

const refusal = (answer: string, status: number, error: string, means: Row['means'], words = ''): Row => ({
  answer,
  status,
  body: { error, ...(words ? { error_description: words } : {}) },
  means,
  ...(words ? { says: new RegExp(words.slice(0, 20).replaceAll(/[.[\]()]/g, '\\$&')) } : {}),
});

table('RFC 6749 section 5.2', [
  refusal(
    'invalid_grant',
    400,
    'invalid_grant',
    { strict: ['final', 'invalid_grant'] },
    'The grant is no good.',
  ),
  refusal('invalid_client, with the authentication scheme', 401, 'invalid_client', {
    strict: ['refused', 'invalid_client'],
  }),
  refusal('invalid_client with the other status', 400, 'invalid_client', {
    strict: ['refused', 'invalid_client'],
  }),
  refusal('invalid_request', 400, 'invalid_request', { strict: ['refused', 'invalid_request'] }),
  refusal('invalid_scope', 400, 'invalid_scope', { strict: ['refused', 'invalid_scope'] }),
  refusal('unauthorized_client', 400, 'unauthorized_client', { strict: ['refused', 'unauthorized_client'] }),
  refusal('unsupported_grant_type', 400, 'unsupported_grant_type', {
    strict: ['refused', 'unsupported_grant_type'],
  }),
  refusal('invalid_target (RFC 8707)', 400, 'invalid_target', { strict: ['refused', 'invalid_target'] }),
  refusal('a code that no profile knows', 400, 'computer_says_no', {
    strict: ['doubtful', 'computer_says_no'],
  }),
  refusal('server_error, of the authorization endpoint', 400, 'server_error', {
    strict: ['doubtful', 'server_error'],
  }),
  {
    answer: 'a code that an OAuth client names as final',
    status: 400,
    body: { error: 'account_closed' },
    settings: { finalErrors: ['invalid_grant', 'account_closed'] },
    means: { strict: ['final', 'account_closed'] },
  },
  {
    answer: 'a status that an OAuth client names for errors',
    status: 422,
    body: { error: 'invalid_grant' },
    settings: { errorStatuses: [400, 401, 403, 422] },
    means: { strict: ['final', 'invalid_grant'] },
  },
  refusal('that status, where nobody names it', 422, 'invalid_grant', {
    strict: ['doubtful', 'invalid_grant'],
  }),
]);

table('IdentityServer4, Duende, Indicium: bare codes', [
  refusal('a one-time token that was consumed or has expired', 400, 'invalid_grant', {
    identityserver: ['final', 'invalid_grant'],
    indicium: ['final', 'invalid_grant'],
  }),
  refusal('a changed secret, before or after the restart', 400, 'invalid_client', {
    identityserver: ['refused', 'invalid_client'],
    indicium: ['refused', 'invalid_client'],
  }),
  {
    answer: 'a token that is reused (ReUse): the same handle comes back',
    status: 200,
    body: { ...TOKENS, refresh_token: 'the-same-handle' },
    settings: { rotates: false },
    means: { identityserver: ['granted'] },
  },
  {
    answer: 'the page of http.sys while the application pool is stopped',
    status: 503,
    headers: { ...HTML_TYPE, server: 'Microsoft-HTTPAPI/2.0' },
    body: '<HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD><BODY><h2>Service Unavailable</h2></BODY></HTML>',
    means: {
      identityserver: ['refused', 'service_unavailable'],
      indicium: ['refused', 'service_unavailable'],
      strict: ['doubtful', 'http_503'],
    },
  },
  {
    answer: 'ASP.NET’s own page of an unhandled exception',
    status: 500,
    headers: HTML_TYPE,
    body: PAGE,
    means: { identityserver: ['doubtful', 'http_500'], indicium: ['doubtful', 'http_500'] },
  },
]);

table('Keycloak', [
  ...[
    'Maximum allowed refresh token reuse exceeded',
    'Stale token',
    'Session not active',
    'Offline session not active',
    'Offline user session not found',
    "Session doesn't have required client",
    'Token is not active',
    'Invalid refresh token',
    'User disabled',
  ].map((words) => refusal(words, 400, 'invalid_grant', { keycloak: ['final', 'invalid_grant'] }, words)),
  refusal(
    'a consent that was withdrawn',
    400,
    'invalid_scope',
    { keycloak: ['final', 'invalid_scope'], strict: ['refused', 'invalid_scope'] },
    'Client no longer has requested consent from user',
  ),
  refusal(
    'a scope that does not exist',
    400,
    'invalid_scope',
    { keycloak: ['refused'] },
    'Invalid scopes: x',
  ),
  refusal(
    'a wrong secret',
    401,
    'unauthorized_client',
    { keycloak: ['refused', 'unauthorized_client'] },
    'Invalid client or Invalid client credentials',
  ),
  refusal('a failure of its own', 500, 'unknown_error', { keycloak: ['doubtful', 'unknown_error'] }),
]);

table('Auth0', [
  refusal(
    'a dead or reused token',
    403,
    'invalid_grant',
    { auth0: ['final', 'invalid_grant'], strict: ['final', 'invalid_grant'] },
    'Unknown or invalid refresh token.',
  ),
  refusal(
    'a wrong secret',
    401,
    'access_denied',
    { auth0: ['refused', 'access_denied'], strict: ['doubtful', 'access_denied'] },
    'Unauthorized',
  ),
  refusal(
    'an Action that denies: nobody knows whether before or after the rotation',
    403,
    'access_denied',
    { auth0: ['doubtful', 'access_denied'] },
    'Come back during office hours.',
  ),
  {
    answer: 'its rate limit',
    status: 429,
    body: { error: 'too_many_requests', error_description: 'Global limit has been reached' },
    means: { auth0: ['refused', 'too_many_requests'] },
    says: /^too_many_requests: Global limit has been reached/,
  },
]);

table('Okta', [
  refusal(
    'a dead or reused token, after the grace window',
    400,
    'invalid_grant',
    { okta: ['final', 'invalid_grant'] },
    'The refresh token is invalid or expired.',
  ),
  {
    answer: 'a spent token within the grace window',
    status: 200,
    body: TOKENS,
    means: { okta: ['granted'] },
  },
  {
    answer: 'its rate limit, in the form of its API',
    status: 429,
    body: { errorCode: 'E0000047', errorSummary: 'API call exceeded rate limit due to too many requests.' },
    means: { okta: ['refused', 'too_many_requests'] },
    says: /exceeded rate limit/,
  },
]);

table('Hydra', [
  refusal(
    'the loser of a race: somebody was granted',
    400,
    'invalid_request',
    { hydra: ['doubtful', 'invalid_request'], strict: ['refused', 'invalid_request'] },
    'The request is malformed. Failed to refresh token because of multiple concurrent requests using the same token. Please retry the request.',
  ),
  {
    answer: 'the same in the format of older versions, with a hint',
    status: 400,
    body: {
      error: 'invalid_request',
      error_description: 'The request is missing a required parameter.',
      error_hint: 'Failed to refresh token because of multiple concurrent requests using the same token.',
    },
    means: { hydra: ['doubtful', 'invalid_request'], strict: ['refused', 'invalid_request'] },
  },
  refusal(
    'a malformed request',
    400,
    'invalid_request',
    { hydra: ['refused', 'invalid_request'] },
    'No grant_type.',
  ),
  refusal(
    'a reuse: all tokens are revoked',
    400,
    'invalid_grant',
    { hydra: ['final', 'invalid_grant'] },
    'The refresh token was already used.',
  ),
  refusal('a failure of its database', 500, 'server_error', { hydra: ['doubtful', 'server_error'] }),
  refusal('anything else that went wrong', 500, 'error', { hydra: ['doubtful', 'error'] }),
]);

table('Zitadel', [
  refusal(
    'a dead token',
    400,
    'invalid_request',
    { zitadel: ['final', 'invalid_request'], strict: ['refused', 'invalid_request'] },
    'Errors.OIDCSession.RefreshTokenInvalid',
  ),
  refusal(
    'a dead token of the first version',
    400,
    'invalid_request',
    { zitadel: ['final', 'invalid_request'] },
    'Errors.User.RefreshToken.Invalid',
  ),
  refusal(
    'a dead token that is not found',
    404,
    'invalid_request',
    { zitadel: ['final', 'invalid_request'], strict: ['doubtful', 'invalid_request'] },
    'Errors.User.RefreshToken.Invalid',
  ),
  refusal(
    'a dead token, in newer versions',
    400,
    'invalid_grant',
    { zitadel: ['final', 'invalid_grant'] },
    'Errors.OIDCSession.RefreshTokenInvalid',
  ),
  refusal(
    'something else',
    400,
    'invalid_request',
    { zitadel: ['refused', 'invalid_request'] },
    'Errors.Internal',
  ),
  refusal('a failure', 500, 'server_error', { zitadel: ['doubtful', 'server_error'] }, 'Errors.Internal'),
]);

const entra = (answer: string, status: number, error: string, means: Row['means'], words: string): Row => ({
  answer,
  status,
  body: {
    error,
    error_description: `${words}\r\nTrace ID: 0000aaaa-11bb-cccc-dd33-eeeeee333333\r\nTimestamp: 2026-01-09 02:02:12Z`,
    error_codes: [Number(/\d+/.exec(words)?.[0])],
    error_uri: 'https://login.microsoftonline.com/error',
  },
  means,
  says: new RegExp(words.split(':')[0] ?? ''),
});

table('Entra', [
  entra(
    'expired by inactivity',
    400,
    'invalid_grant',
    { entra: ['final', 'invalid_grant'] },
    'AADSTS700082: The refresh token has expired due to inactivity.',
  ),
  entra(
    'expired',
    400,
    'invalid_grant',
    { entra: ['final', 'invalid_grant'] },
    'AADSTS70008: The refresh token has expired.',
  ),
  entra(
    'revoked',
    400,
    'invalid_grant',
    { entra: ['final', 'invalid_grant'] },
    'AADSTS50173: The provided grant has expired due to it being revoked.',
  ),
  entra(
    'the user has to confirm',
    400,
    'interaction_required',
    { entra: ['final', 'interaction_required'], strict: ['doubtful', 'interaction_required'] },
    'AADSTS50076: You must use multi-factor authentication.',
  ),
  entra(
    'the consent is gone',
    400,
    'invalid_grant',
    { entra: ['final', 'invalid_grant'] },
    'AADSTS65001: The user or administrator has not consented.',
  ),
  entra(
    'an expired secret',
    401,
    'invalid_client',
    { entra: ['refused', 'invalid_client'] },
    'AADSTS7000222: The provided client secret keys are expired.',
  ),
  entra(
    'a wrong secret',
    401,
    'invalid_client',
    { entra: ['refused', 'invalid_client'] },
    'AADSTS7000215: Invalid client secret provided.',
  ),
  entra(
    'an application that is unknown',
    400,
    'unauthorized_client',
    { entra: ['refused', 'unauthorized_client'] },
    'AADSTS700016: Application was not found in the directory.',
  ),
  entra(
    'its directory is away',
    400,
    'temporarily_unavailable',
    { entra: ['refused', 'temporarily_unavailable'] },
    'AADSTS90033: A transient error has occurred. Please try again.',
  ),
  entra(
    'transient, whatever the error says',
    400,
    'invalid_grant',
    { entra: ['refused', 'invalid_grant'], strict: ['final', 'invalid_grant'] },
    'AADSTS90033: A transient error has occurred. Please try again.',
  ),
  entra(
    'too many requests, as a refusal',
    400,
    'invalid_grant',
    { entra: ['refused', 'invalid_grant'] },
    'AADSTS50196: The server terminated an operation because it encountered a client request loop.',
  ),
  entra(
    'a number that begins like a transient one',
    400,
    'invalid_grant',
    { entra: ['final', 'invalid_grant'] },
    'AADSTS900331: Something else.',
  ),
]);

table('Google', [
  {
    answer: 'a token, and no new refresh token',
    status: 200,
    body: { access_token: 'ya29.x', expires_in: 3599, scope: 'openid', token_type: 'Bearer' },
    means: { google: ['granted'], strict: ['granted'] },
  },
  refusal(
    'a dead token',
    400,
    'invalid_grant',
    { google: ['final', 'invalid_grant'] },
    'Token has been expired or revoked.',
  ),
  {
    answer: 'a session that has to be confirmed',
    status: 400,
    body: {
      error: 'invalid_grant',
      error_description: 'reauth related error (invalid_rapt)',
      error_subtype: 'invalid_rapt',
    },
    means: { google: ['final', 'invalid_grant'] },
    says: /invalid_rapt/,
  },
  {
    answer: 'an error in the form of its APIs, of something in front',
    status: 403,
    body: { error: { code: 403, message: 'Quota exceeded', status: 'PERMISSION_DENIED' } },
    means: { google: ['doubtful', 'http_403'] },
  },
]);

const EMPTY_400 = {
  status: 400,
  headers: {},
  body: '',
} as const;

table('glewlwyd: 400 with an empty body, for a dead token and for a wrong client alike', [
  { answer: 'as it is', ...EMPTY_400, means: { strict: ['doubtful', 'http_400'] } },
  {
    answer: 'where an OAuth client says what it means',
    ...EMPTY_400,
    settings: { answerRules: [{ statuses: [400], body: 'empty', meaning: 'final' }] },
    means: { strict: ['final', 'http_400'] },
  },
  {
    answer: 'with a body after all',
    ...EMPTY_400,
    body: 'Bad Request',
    settings: { answerRules: [{ statuses: [400], body: 'empty', meaning: 'final' }] },
    means: { strict: ['doubtful', 'http_400'] },
  },
]);

table('GitHub: errors with the status 200, and forms', [
  {
    answer: 'a dead token, as it is',
    status: 200,
    body: {
      error: 'bad_refresh_token',
      error_description: 'The refresh token passed is incorrect or expired.',
    },
    means: { strict: ['doubtful', 'bad_refresh_token'] },
    says: /incorrect or expired/,
  },
  {
    answer: 'a dead token, where an OAuth client says what it means',
    status: 200,
    body: { error: 'bad_refresh_token' },
    settings: { answerRules: [{ statuses: [200], errors: ['bad_refresh_token'], meaning: 'final' }] },
    means: { strict: ['final', 'bad_refresh_token'] },
  },
  {
    answer: 'a grant as a form',
    status: 200,
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: 'access_token=at&expires_in=28800&refresh_token=rt&token_type=bearer',
    means: { strict: ['granted'] },
  },
  {
    answer: 'an error as a form',
    status: 400,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'error=invalid_grant&error_description=It+is+over.',
    means: { strict: ['final', 'invalid_grant'] },
    says: /It is over/,
  },
  {
    answer: 'a form that does not say it is one',
    status: 400,
    headers: { 'content-type': 'text/plain' },
    body: 'error=invalid_grant',
    means: { strict: ['doubtful', 'http_400'] },
  },
]);

table('429 and 503, with and without Retry-After', [
  { answer: '429', status: 429, body: '', means: { strict: ['refused', 'too_many_requests'] } },
  {
    answer: '429 with Retry-After',
    status: 429,
    headers: { 'retry-after': '7' },
    body: '',
    means: { strict: ['refused', 'too_many_requests'] },
  },
  {
    answer: '429 that says invalid_grant: it was not looked at',
    status: 429,
    body: { error: 'invalid_grant' },
    means: { strict: ['refused', 'too_many_requests'], entra: ['refused', 'too_many_requests'] },
    says: /invalid_grant/,
  },
  { answer: '503', status: 503, body: '', means: { strict: ['doubtful', 'http_503'] } },
  {
    answer: '503 with Retry-After',
    status: 503,
    headers: { 'retry-after': '120' },
    body: '',
    means: { strict: ['refused', 'service_unavailable'] },
  },
  {
    answer: '503 with a Retry-After that makes no sense',
    status: 503,
    headers: { 'retry-after': 'soon' },
    body: '',
    means: { strict: ['doubtful', 'http_503'] },
  },
  {
    answer: '503 of a balancer that knows it found nobody, where an OAuth client says so',
    status: 503,
    headers: { 'content-type': 'text/plain' },
    body: 'no healthy upstream',
    settings: { answerRules: [{ statuses: [503], phrases: ['no healthy upstream'], meaning: 'refused' }] },
    means: { strict: ['refused', 'service_unavailable'] },
  },
  {
    answer: '503 that a rule wants to be final',
    status: 503,
    body: { error: 'invalid_grant' },
    settings: { answerRules: [{ statuses: [503], errors: ['invalid_grant'], meaning: 'final' }] },
    means: { strict: ['doubtful', 'invalid_grant'] },
  },
]);

table('HTML from a proxy', [
  ...[400, 401, 403, 500, 502, 503, 504].map((status): Row => ({
    answer: `${status}`,
    status,
    headers: HTML_TYPE,
    body: PAGE,
    means: { strict: ['doubtful', `http_${status}`] },
  })),
  {
    answer: '404: nobody there could have spent it',
    status: 404,
    headers: HTML_TYPE,
    body: PAGE,
    means: { strict: ['refused', 'endpoint_not_found'] },
  },
  {
    answer: '200, a login page',
    status: 200,
    headers: HTML_TYPE,
    body: PAGE,
    means: { strict: ['doubtful', 'malformed_answer'] },
  },
  {
    answer: '403 of a firewall, where an OAuth client says that it stands in front',
    status: 403,
    headers: HTML_TYPE,
    body: PAGE,
    settings: { answerRules: [{ statuses: [403], body: 'html', meaning: 'refused' }] },
    means: { strict: ['refused', 'http_403'] },
  },
]);

table('after the token was consumed, or perhaps', [
  {
    answer: '500',
    status: 500,
    body: { error: 'server_error' },
    means: { strict: ['doubtful', 'server_error'] },
  },
  {
    answer: '500 that says invalid_grant',
    status: 500,
    body: { error: 'invalid_grant' },
    means: { strict: ['doubtful'] },
  },
  { answer: '500 with tokens in it', status: 500, body: TOKENS, means: { strict: ['doubtful', 'http_500'] } },
  {
    answer: 'truncated JSON',
    status: 200,
    body: JSON.stringify(TOKENS).slice(0, 60),
    means: { strict: ['doubtful', 'malformed_answer'] },
  },
  {
    answer: 'a truncated error',
    status: 400,
    body: '{"error":"invalid_grant","error_descri',
    means: { strict: ['doubtful', 'http_400'] },
  },
  {
    answer: 'an empty 200',
    status: 200,
    headers: {},
    body: '',
    means: { strict: ['doubtful', 'malformed_answer'] },
  },
  {
    answer: 'a 204',
    status: 204,
    headers: {},
    body: '',
    means: { strict: ['doubtful', 'malformed_answer'] },
  },
  {
    answer: 'a redirect to a login page',
    status: 302,
    body: '',
    means: { strict: ['doubtful', 'redirected'] },
  },
  {
    answer: 'a redirect that keeps the method',
    status: 307,
    body: '',
    means: { strict: ['doubtful', 'redirected'] },
  },
  { answer: 'a 408', status: 408, body: '', means: { strict: ['doubtful', 'http_408'] } },
  { answer: 'a 421', status: 421, body: '', means: { strict: ['doubtful', 'http_421'] } },
]);

table('grants that are a little odd', [
  { answer: 'without expires_in', status: 200, body: { access_token: 'at' }, means: { strict: ['granted'] } },
  {
    answer: 'with a new scope',
    status: 200,
    body: { ...TOKENS, scope: 'openid' },
    means: { strict: ['granted'] },
  },
  {
    answer: 'with an error beside the token',
    status: 200,
    body: { ...TOKENS, error: 'x' },
    means: { strict: ['granted'] },
  },
  { answer: 'with the status 201', status: 201, body: TOKENS, means: { strict: ['granted'] } },
  { answer: 'through a proxy that says 203', status: 203, body: TOKENS, means: { strict: ['granted'] } },
  { answer: 'called HTML', status: 200, headers: HTML_TYPE, body: TOKENS, means: { strict: ['granted'] } },
  {
    answer: 'with a byte order mark',
    status: 200,
    body: `\uFEFF${JSON.stringify(TOKENS)}`,
    means: { strict: ['granted'] },
  },
  {
    answer: 'with much around it',
    status: 200,
    body: `\n\n ${JSON.stringify(TOKENS)}\n`,
    means: { strict: ['granted'] },
  },
]);

table('odd bodies', [
  {
    answer: 'a list',
    status: 400,
    body: [{ error: 'invalid_grant' }],
    means: { strict: ['doubtful', 'http_400'] },
  },
  { answer: 'a word', status: 400, body: '"invalid_grant"', means: { strict: ['doubtful', 'http_400'] } },
  { answer: 'null', status: 400, body: 'null', means: { strict: ['doubtful', 'http_400'] } },
  {
    answer: 'an error that is a list',
    status: 400,
    body: { error: ['invalid_grant'] },
    means: { strict: ['doubtful', 'http_400'] },
  },
  {
    answer: 'an error in capitals',
    status: 400,
    body: { error: 'INVALID_GRANT' },
    means: { strict: ['doubtful', 'INVALID_GRANT'] },
  },
  {
    answer: 'an error with a space behind',
    status: 400,
    body: { error: 'invalid_grant ' },
    means: { strict: ['doubtful'] },
  },
  {
    answer: 'two errors, of which JSON takes the last',
    status: 400,
    body: '{"error":"x","error":"invalid_grant"}',
    means: { strict: ['final', 'invalid_grant'] },
  },
  {
    answer: 'a name of the language',
    status: 400,
    body: { error: '__proto__' },
    means: { strict: ['doubtful', 'http_400'] },
  },
  {
    answer: 'huge',
    status: 400,
    body: `{"error":"invalid_grant","x":"${'y'.repeat(200_000)}"}`,
    means: { strict: ['final', 'invalid_grant'] },
  },
  {
    answer: 'deep',
    status: 400,
    body: `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
    means: { strict: ['doubtful', 'http_400'] },
  },
  {
    answer: 'binary',
    status: 400,
    body: '\u0000\uFFFD\u0001\u001f',
    means: { strict: ['doubtful', 'http_400'] },
  },
  {
    answer: 'binary where a token should be',
    status: 200,
    body: '\u001f\uFFFD\b\u0000',
    means: { strict: ['doubtful', 'malformed_answer'] },
  },
]);

describe('what a grant brings', () => {
  const grant = (body: object): Extract<Interpretation, { kind: 'granted' }> => {
    const judged = judge({ answer: '', status: 200, body, means: {} }, 'google');
    if (judged.kind !== 'granted') throw new Error(judged.kind);
    return judged;
  };

  it('no new refresh token where there is none: the old one stays good', () => {
    expect(grant({ access_token: 'at', expires_in: 3599 })).not.toHaveProperty('refreshToken');
    expect(grant(TOKENS).refreshToken?.reveal()).toBe('next-refresh-token');
  });

  it('no life where there is no expires_in: the OAuth client’s default counts', () => {
    expect(grant({ access_token: 'at' })).not.toHaveProperty('expiresInMs');
  });

  it('the scopes that are granted now, in place of those before', () => {
    expect(grant({ ...TOKENS, scope: 'openid' }).scopes).toEqual(['openid']);
    expect(grant({ access_token: 'at' })).not.toHaveProperty('scopes');
  });
});
