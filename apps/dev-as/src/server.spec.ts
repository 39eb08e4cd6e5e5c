import {
  CLIENTS,
  claimsOf,
  connect,
  refresh,
  startForSpec,
  tokenRequest,
  authorize,
  SECRETS,
} from './spec-support/client.js';
import type { DevAuthorizationServer } from './server.js';

describe('development authorization server', () => {
  let server: DevAuthorizationServer;

  beforeEach(async () => {
    server = await startForSpec();
  });

  afterEach(async () => {
    await server.close();
  });

  const call = (path: string, token?: string): Promise<Response> =>
    fetch(
      `${server.issuer}${path}`,
      token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
    );

  it('is discovered below its issuer, shaped like Indicium', async () => {
    const metadata = (await (await call('/.well-known/openid-configuration')).json()) as Record<
      string,
      unknown
    >;
    expect(server.issuer).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/indicium$/);
    expect(metadata).toMatchObject({
      issuer: server.issuer,
      authorization_endpoint: `${server.issuer}/connect/authorize`,
      token_endpoint: `${server.issuer}/connect/token`,
      revocation_endpoint: `${server.issuer}/connect/revocation`,
      userinfo_endpoint: `${server.issuer}/connect/userinfo`,
      authorization_response_iss_parameter_supported: true,
      code_challenge_methods_supported: ['S256'],
      id_token_signing_alg_values_supported: ['ES256'],
    });
    expect(metadata['scopes_supported']).toEqual(
      expect.arrayContaining(['openid', 'offline_access', 'sf/software_development', 'sf/finance']),
    );
    const jwks = (await (await fetch(String(metadata['jwks_uri']))).json()) as {
      keys: Record<string, string>[];
    };
    expect(jwks.keys).toHaveLength(1);
    expect(jwks.keys[0]).not.toHaveProperty('d');
  });

  it('writes its URLs from the issuer, whatever Host the request named', async () => {
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' };
    const response = await fetch(`${server.issuer}/.well-known/openid-configuration`, { headers });
    expect(await response.json()).toMatchObject({ token_endpoint: `${server.issuer}/connect/token` });
  });

  it.each(['indicium-web', 'indicium-post', 'indicium-public'])(
    'takes a user through the code flow: %s',
    async (id) => {
      const tokens = await connect(server, id, 'grace');
      expect(tokens).toMatchObject({ status: 200, token_type: 'Bearer', expires_in: 3600 });
      expect(tokens.scope.split(' ')).toEqual(
        expect.arrayContaining(['openid', 'offline_access', 'sf/software_development', 'sf/finance']),
      );
      expect(claimsOf(tokens.access_token)).toMatchObject({
        iss: server.issuer,
        sub: 'grace',
        client_id: id,
        aud: `${server.issuer}/iam`,
      });
      expect(claimsOf(tokens.id_token)).toMatchObject({ sub: 'grace', aud: id });
      expect((await refresh(server, tokens.refresh_token, {}, id)).status).toBe(200);
    },
  );

  it('answers the redirect as Indicium does, with iss (RFC 9207), scope and session_state', async () => {
    const { callback } = await authorize(server, 'indicium-web', { login: 'ada' });
    expect(Object.fromEntries(callback.searchParams)).toMatchObject({
      code: expect.any(String) as unknown,
      state: 'a-state',
      iss: server.issuer,
      scope: 'openid offline_access sf/software_development sf/finance',
      session_state: expect.any(String) as unknown,
    });
  });

  it('answers access_denied when the user denies', async () => {
    const { callback } = await authorize(server, 'indicium-web', { login: 'ada', deny: true });
    expect(callback.searchParams.get('error')).toBe('access_denied');
    expect(callback.searchParams.get('iss')).toBe(server.issuer);
  });

  it('demands PKCE of confidential clients too', async () => {
    const missing = { code_challenge: '', code_challenge_method: '' };
    const { callback } = await authorize(server, 'indicium-web', { login: 'ada' }, missing);
    expect(callback.searchParams.get('error')).toBe('invalid_request');
  });

  it('issues no refresh token without offline_access', async () => {
    const tokens = await connect(server, 'indicium-web', 'ada', { scope: 'openid sf/finance' });
    expect(tokens).toMatchObject({ status: 200, scope: 'openid sf/finance' });
    expect(tokens.refresh_token).toBeUndefined();
  });

  it('acts as the linked user for client credentials, without a refresh token', async () => {
    const tokens = await tokenRequest(server, 'indicium-batch', {
      grant_type: 'client_credentials',
      scope: 'sf/finance',
    });
    expect(tokens).toMatchObject({ status: 200, expires_in: 3600, scope: 'sf/finance' });
    expect(tokens.refresh_token).toBeUndefined();
    expect(claimsOf(tokens.access_token)).toMatchObject({ sub: 'svc-invoice', client_id: 'indicium-batch' });
    const whoami = await call('/iam/sf/whoami', tokens.access_token);
    expect(await whoami.json()).toMatchObject({ sub: 'svc-invoice', scopes: ['sf/finance'] });
  });

  it('refuses a wrong secret, and takes the new one once it was changed', async () => {
    const tokens = await connect(server);
    server.setClientSecret('indicium-web', 'changed-in-iam');
    expect(await refresh(server, tokens.refresh_token)).toMatchObject({
      status: 401,
      error: 'invalid_client',
    });
    server.setClientSecret('indicium-web', SECRETS.web);
    expect((await refresh(server, tokens.refresh_token)).status).toBe(200);
  });

  it('downscopes a refresh, and keeps the whole scope for the next', async () => {
    const tokens = await connect(server);
    const narrow = await refresh(server, tokens.refresh_token, { scope: 'sf/finance' });
    expect(claimsOf(narrow.access_token)['scope']).toBe('sf/finance');
    const whole = await refresh(server, narrow.refresh_token);
    expect(String(claimsOf(whole.access_token)['scope'])).toContain('sf/software_development');
    expect(await refresh(server, whole.refresh_token, { scope: 'sf/payroll' })).toMatchObject({
      error: 'invalid_scope',
    });
  });

  it('issues tokens for another resource (RFC 8707), which the API refuses', async () => {
    const [, reports] = server.resources;
    const tokens = await connect(server);
    const other = await refresh(server, tokens.refresh_token, { resource: reports });
    expect(claimsOf(other.access_token)['aud']).toBe(reports);
    expect((await call('/iam/sf/whoami', other.access_token)).status).toBe(401);
    const unknown = await refresh(server, other.refresh_token, { resource: 'https://elsewhere.example/' });
    expect(unknown.error).toBe('invalid_target');
  });

  it('answers whoami, tasks and userinfo to valid tokens only (RFC 6750 §3)', async () => {
    const { access_token, id_token } = await connect(server, 'indicium-web', 'linus');
    const whoami = await call('/iam/sf/whoami', access_token);
    expect(await whoami.json()).toMatchObject({
      sub: 'linus',
      client_id: 'indicium-web',
      aud: server.resources[0],
    });
    expect((await call('/iam/sf/tasks', access_token)).status).toBe(200);
    expect(await (await call('/connect/userinfo', access_token)).json()).toMatchObject({ sub: 'linus' });

    const none = await call('/iam/sf/whoami');
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([
      401,
      expect.not.stringContaining('error='),
    ]);
    for (const bad of [id_token, `${access_token.slice(0, -4)}AAAA`, 'nonsense']) {
      const refused = await call('/iam/sf/whoami', bad);
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"');
    }
  });

  it('lets access tokens expire, by server and by client', async () => {
    server.setAccessTokenTtl(1);
    const { access_token, refresh_token, expires_in } = await connect(server);
    expect(expires_in).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 2100));
    expect((await call('/iam/sf/whoami', access_token)).status).toBe(401);
    const [web] = CLIENTS;
    if (web) server.putClient({ ...web, access_token_ttl_seconds: 20 });
    expect((await refresh(server, refresh_token)).expires_in).toBe(20);
  });

  it('shows plain pages without scripts', async () => {
    const url = `${server.issuer}/connect/authorize?client_id=indicium-web&response_type=code&scope=openid`;
    const challenge =
      '&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256';
    const start = await fetch(url + challenge, { redirect: 'manual' });
    const cookie = start.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ');
    const page = await fetch(new URL(start.headers.get('location') ?? '', url), { headers: { cookie } });
    const html = await page.text();
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
    expect(html).toContain('the password is the same as the user name');
    expect(html).toContain('Invoice Sync');
    expect(html).not.toContain('<script');
  });

  it('refuses registrations that cannot work', () => {
    expect(() => server.putClient({ client_id: 'a', client_secret: 's' })).toThrow('needs redirect_uris');
    expect(() => server.putClient({ client_id: 'a', redirect_uris: ['http://127.0.0.1/'] })).toThrow(
      'client_secret',
    );
    const batch = { client_id: 'a', client_secret: 's', grant_types: ['client_credentials' as const] };
    expect(() => server.putClient(batch)).toThrow('linked_user');
  });

  it('refuses to listen in the clear beyond loopback, and on a port that is taken', async () => {
    await expect(startForSpec({ host: '0.0.0.0' })).rejects.toThrow('refusing to listen in the clear');
    await expect(startForSpec({ port: server.port })).rejects.toThrow('EADDRINUSE');
  });
});
