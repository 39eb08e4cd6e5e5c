import { Secret, type Interpretation, type RawAnswer } from '#libs/core';
import { classifyAnswer } from './classify-answer.js';
import { PROFILE_PRESETS } from './profile-presets.js';
import { profileNamed } from './profiles.js';

const TOKEN = 'CfDJ8Kx1-mNop_QRSTuvwxYZ0123456789abcdefghij';

function answer(status: number, body: unknown, headers: Record<string, string> = {}): RawAnswer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { status, headers, body: new Secret(text) };
}

function judge(given: RawAnswer, profile = 'strict'): Interpretation {
  return classifyAnswer(given, profileNamed(profile));
}

describe('a granted answer', () => {
  it('is read with everything in it', () => {
    const body = {
      access_token: 'at',
      token_type: 'bearer',
      expires_in: 3600,
      refresh_token: 'rt',
      scope: 'b a  b',
    };
    const granted = judge(answer(200, body));
    expect(granted).toMatchObject({
      kind: 'granted',
      tokenType: 'Bearer',
      expiresInMs: 3_600_000,
      scopes: ['b', 'a'],
    });
    if (granted.kind !== 'granted') throw new Error('not granted');
    expect(granted.accessToken.reveal()).toBe('at');
    expect(granted.refreshToken?.reveal()).toBe('rt');
    expect(JSON.stringify(granted)).not.toMatch(/"(at|rt)"/);
  });

  it.each([
    ['a number', 60, 60_000],
    ['a string of digits', '60', 60_000],
    ['a fraction', 1.5, 1_500],
    ['missing', undefined, undefined],
    ['zero', 0, undefined],
    ['negative', -1, undefined],
    ['absurd', 1e12, undefined],
    ['a word', 'soon', undefined],
    ['an object', {}, undefined],
    ['null', null, undefined],
  ])('has an expires_in that is %s', (_what, expires_in, expected) => {
    const granted = judge(answer(200, { access_token: 'at', expires_in }));
    expect(granted.kind === 'granted' && granted.expiresInMs).toBe(expected);
  });

  it.each<[string, object, number | undefined, number | undefined]>([
    ['of the draft', { refresh_token_timeout: 604_800, authorization_expires_in: 864_000 }, 604_800, 864_000],
    ['of GitHub, Google and Entra', { refresh_token_expires_in: 15_897_600 }, 15_897_600, undefined],
    ['of Keycloak', { refresh_expires_in: 1_800 }, 1_800, undefined],
    ['of Keycloak’s offline tokens: none of their own', { refresh_expires_in: 0 }, undefined, undefined],
    ['as a string', { refresh_token_expires_in: '60' }, 60, undefined],
    ['of more than ten years, literally', { authorization_expires_in: 315_569_520 }, undefined, 315_569_520],
    [
      'that cannot be meant',
      { refresh_token_timeout: 1e18, authorization_expires_in: -1 },
      undefined,
      undefined,
    ],
    ['beside one that makes no sense', { refresh_token_timeout: 'x', refresh_expires_in: 5 }, 5, undefined],
  ])('has lifetimes %s', (_what, members, refresh, authorization) => {
    const granted = judge(answer(200, { access_token: 'at', refresh_token: 'rt', ...members }));
    if (granted.kind !== 'granted') throw new Error('not granted');
    expect(granted.refreshTokenExpiresInMs).toBe(refresh === undefined ? undefined : refresh * 1_000);
    expect(granted.authorizationExpiresInMs).toBe(
      authorization === undefined ? undefined : authorization * 1_000,
    );
  });

  it.each([
    ['missing', {}],
    ['empty', { refresh_token: '' }],
    ['null', { refresh_token: null }],
    ['a number', { refresh_token: 7 }],
  ])('keeps the old refresh token where the new one is %s', (_what, rest) => {
    expect(judge(answer(200, { access_token: 'at', ...rest }))).not.toHaveProperty('refreshToken');
  });

  it('survives a byte order mark and a wrong content type', () => {
    const headers = { 'content-type': 'text/html' };
    expect(judge(answer(200, '\uFEFF{"access_token":"at"}', headers)).kind).toBe('granted');
  });
});

describe('P4, P7: what is neither a grant nor a clear word is doubtful', () => {
  it.each<[string, RawAnswer]>([
    ['an empty 200', answer(200, '')],
    ['a truncated 200', answer(200, '{"access_token":"at","refresh_tok')],
    ['a 200 with HTML', answer(200, '<html>OK</html>')],
    ['a 200 with a list', answer(200, [])],
    ['a 200 with null', answer(200, 'null')],
    ['a 200 with an empty access token', answer(200, { access_token: '' })],
    ['a 200 with a number for a token', answer(200, { access_token: 7 })],
    ['a 200 with an error', answer(200, { error: 'invalid_grant' })],
    ['a 201 without a token', answer(201, {})],
    ['a 204', answer(204, '')],
    ['a 302', answer(302, '')],
    ['a 400 without JSON', answer(400, 'Bad Request')],
    ['a 400 with an unknown error', answer(400, { error: 'computer_says_no' })],
    ['a 400 with server_error', answer(400, { error: 'server_error' })],
    ['a 400 with an error that is a list', answer(400, { error: ['invalid_grant'] })],
    ['a 408', answer(408, '')],
    ['a 418', answer(418, '')],
    ['a 404 that says invalid_grant', answer(404, { error: 'invalid_grant' })],
    ['a 500', answer(500, 'oops')],
    ['a 500 that says invalid_grant', answer(500, { error: 'invalid_grant' })],
    ['a 502', answer(502, '')],
    ['a 503 without Retry-After', answer(503, '')],
    ['a 503 with a nonsensical Retry-After', answer(503, '', { 'retry-after': 'soon' })],
    ['a 504', answer(504, '', { 'retry-after': '5' })],
    ['a prototype name for an error', answer(400, { error: 'constructor' })],
  ])('%s', (_what, given) => {
    for (const { name } of PROFILE_PRESETS) expect(judge(given, name).kind).toBe('doubtful');
  });

  it('names a redirect, which is not followed', () => {
    expect(judge(answer(307, ''))).toMatchObject({ kind: 'doubtful', code: 'redirected' });
  });
});

describe('P7: the definite word', () => {
  it.each([400, 401, 403])('invalid_grant with %d is final', (status) => {
    const given = answer(status, { error: 'invalid_grant', error_description: 'expired' });
    expect(judge(given)).toEqual({ kind: 'final', code: 'invalid_grant', description: 'expired' });
  });

  it.each([
    'invalid_client',
    'invalid_request',
    'invalid_scope',
    'invalid_target',
    'unauthorized_client',
    'unsupported_grant_type',
  ])('%s is refused: nothing was spent', (error) => {
    expect(judge(answer(error === 'invalid_client' ? 401 : 400, { error }))).toMatchObject({
      kind: 'refused',
      code: error,
    });
  });

  it.each([404, 405, 410, 413, 415])(
    '%d without an OAuth error: there is nothing that could have spent it',
    (status) => {
      expect(judge(answer(status, '<h1>No</h1>'))).toMatchObject({
        kind: 'refused',
        code: 'endpoint_not_found',
      });
    },
  );
});

describe('P11: waits', () => {
  const date = 'Tue, 24 Nov 2026 01:00:00 GMT';
  it.each([
    ['none', {}, undefined],
    ['seconds', { 'retry-after': '7' }, 7_000],
    ['a date, by the clock of the server', { 'retry-after': 'Tue, 24 Nov 2026 01:00:30 GMT', date }, 30_000],
    ['a date in the past', { 'retry-after': 'Tue, 24 Nov 2026 00:00:00 GMT', date }, 0],
    ['more than a day', { 'retry-after': '999999' }, 86_400_000],
    ['a negative number', { 'retry-after': '-5', date }, undefined],
    ['nonsense', { 'retry-after': 'later', date }, undefined],
  ])('429 with %s', (_what, headers, expected) => {
    const refused = judge(answer(429, '', headers));
    expect(refused).toMatchObject({ kind: 'refused', code: 'too_many_requests' });
    expect(refused.kind === 'refused' && refused.retryAfterMs).toBe(expected);
  });

  it('503 counts as not processed with Retry-After, and by profile with the page of http.sys', () => {
    const kernel = answer(503, '<h2>Service Unavailable</h2>', { server: 'Microsoft-HTTPAPI/2.0' });
    expect(judge(answer(503, '', { 'retry-after': '3' }))).toMatchObject({
      kind: 'refused',
      retryAfterMs: 3_000,
    });
    expect(judge(kernel).kind).toBe('doubtful');
    expect(judge(kernel, 'indicium')).toMatchObject({ kind: 'refused', code: 'service_unavailable' });
  });
});

describe('P9: hostile words', () => {
  it.each<[string, unknown, unknown]>([
    ['the token in the description', 'invalid_grant', `token ${TOKEN} is not valid`],
    ['the token as the error', TOKEN, 'x'],
    ['the token in JSON within the description', 'invalid_grant', JSON.stringify({ refresh_token: TOKEN })],
    ['the token in base64 with slashes', 'invalid_grant', `${TOKEN.slice(0, 19)}/${TOKEN.slice(19)}`],
  ])('%s is not repeated', (_what, error, error_description) => {
    const judged = JSON.stringify(judge(answer(400, { error, error_description })));
    expect(judged).not.toContain(TOKEN);
    expect(judged).not.toContain(TOKEN.slice(0, 19));
  });

  it('control characters, quotes and length are taken out', () => {
    const error_description = `a\r\nb\u001b[31m"\\${' c'.repeat(5_000)}`;
    const judged = judge(answer(400, { error: 'invalid_grant', error_description }));
    if (judged.kind !== 'final') throw new Error('not final');
    expect(judged.description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+…$/);
    expect(judged.description.length).toBeLessThanOrEqual(200);
  });
});
