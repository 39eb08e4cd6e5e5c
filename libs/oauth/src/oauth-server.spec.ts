import { generateKeyPairSync, sign } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret, type OAuthClient, type TokenExchange } from '#libs/core';
import { createOAuth, type OAuth } from './index.js';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const REDIRECT_URI = 'https://broker.example.com/callback';
const SECRET = new Secret('p%+ss: word');

/** A scripted authorization server whose issuer has a path. */
class ScriptedServer {
  issuer = '';
  discoveries = 0;
  posts: Array<{ headers: IncomingHttpHeaders; form: URLSearchParams }> = [];
  discovery: () => { status: number; body: unknown } = () => ({ status: 200, body: this.metadata() });
  token: () => { status: number; body: unknown } = () => ({
    status: 200,
    body: { access_token: 'at', token_type: 'bearer' },
  });
  private readonly server: Server = createServer((request, response) => void this.answer(request, response));
  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const isToken = request.method === 'POST';
    if (isToken)
      this.posts.push({ headers: request.headers, form: new URLSearchParams(String(Buffer.concat(chunks))) });
    else this.discoveries += 1;
    const known = isToken || request.url === '/indicium/.well-known/openid-configuration';
    const { status, body } = known ? (isToken ? this.token() : this.discovery()) : { status: 404, body: {} };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.issuer = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/indicium`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  metadata(): Record<string, unknown> {
    return {
      issuer: this.issuer,
      authorization_endpoint: `${this.issuer}/connect/authorize`,
      token_endpoint: `${this.issuer}/connect/token`,
      authorization_response_iss_parameter_supported: true,
    };
  }

  idToken(claims: Record<string, unknown>): string {
    const now = Math.floor(Date.now() / 1_000);
    const all = { iss: this.issuer, aud: 'app', sub: 'ada', iat: now, exp: now + 60, ...claims };
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const input = `${part({ alg: 'ES256' })}.${part(all)}`;
    return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  }

  client(changes: Partial<OAuthClient> = {}): OAuthClient {
    return {
      uid: 'c1',
      id: 'indicium',
      issuer: this.issuer,
      clientId: 'app',
      authMethod: 'client_secret_basic',
      scopes: ['openid', 'offline_access'],
      profile: 'indicium',
      rotateAt: 0.7,
      defaultTokenTtlMs: 3_600_000,
      ratePerSecond: 50,
      maxConcurrent: 16,
      revision: 1,
      createdAt: 0,
      updatedAt: 0,
      ...changes,
    };
  }
}

let server: ScriptedServer;
let oauth: OAuth;
let now: number;

beforeEach(async () => {
  server = new ScriptedServer();
  await server.start();
  now = 0;
  oauth = createOAuth({ monotonic: () => now, exchangeTimeoutMs: 2_000 });
});
afterEach(() => server.stop());

async function ready(client: OAuthClient, secret: Secret | undefined = SECRET): Promise<TokenExchange> {
  const prepared = await oauth.tokenEndpoint.prepare(client, secret);
  if ('notReady' in prepared) throw new Error(prepared.description);
  return prepared;
}

const refresh = (exchange: TokenExchange, mayWrite = () => true) =>
  exchange.send(
    {
      grantType: 'refresh_token',
      refreshToken: new Secret('the-token'),
      scopes: ['a', 'b'],
      resource: 'urn:x',
    },
    { mayWrite, timeoutMs: 2_000 },
  );

describe('the token endpoint', () => {
  it('sends the form of RFC 6749 section 6 with client_secret_basic as section 2.3.1 has it', async () => {
    await refresh(await ready(server.client()));
    const [post] = server.posts;
    expect(Object.fromEntries(post?.form ?? [])).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'the-token',
      scope: 'a b',
      resource: 'urn:x',
    });
    expect(post?.headers.authorization).toBe(
      `Basic ${Buffer.from('app:p%25%2Bss%3A+word').toString('base64')}`,
    );
  });

  it('a public client says who it is, and a client_secret_post client in the form', async () => {
    await refresh(await ready(server.client({ authMethod: 'none' }), undefined));
    await refresh(await ready(server.client({ authMethod: 'client_secret_post' })));
    expect(server.posts.map(({ form }) => [form.get('client_id'), form.get('client_secret')])).toEqual([
      ['app', null],
      ['app', SECRET.reveal()],
    ]);
    expect(server.posts.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it('client credentials send no refresh token', async () => {
    const exchange = await ready(server.client());
    await exchange.send(
      { grantType: 'client_credentials', scopes: [], resource: '' },
      { mayWrite: () => true, timeoutMs: 2_000 },
    );
    expect(Object.fromEntries(server.posts[0]?.form ?? [])).toEqual({ grant_type: 'client_credentials' });
  });

  it('P3: an answer that openid-client objects to is an answer all the same', async () => {
    server.token = () => ({
      status: 200,
      body: { access_token: 'at', refresh_token: 'rt', expires_in: 'x', id_token: 7 },
    });
    const exchange = await ready(server.client());
    const sent = await refresh(exchange);
    if (sent.kind !== 'answered') throw new Error(sent.kind);
    expect(oauth.tokenEndpoint.interpret(server.client(), sent.answer)).toMatchObject({ kind: 'granted' });
    expect(server.posts).toHaveLength(1);
  });

  it('P1: nothing is sent where not a byte may be written any more', async () => {
    const exchange = await ready(server.client());
    expect(await refresh(exchange, () => false)).toMatchObject({ kind: 'notSent', code: 'too_late' });
    expect(server.posts).toHaveLength(0);
  });

  it('what has to be known of a server beforehand is known without asking anybody', () => {
    const profile = oauth.tokenEndpoint.profileOf(
      server.client({ profile: 'okta', profileSettings: { probe: 'never' } }),
    );
    expect(profile).toEqual({ probe: 'never', reuse: 'revokes', rotates: true, graceWindowMs: 30_000 });
    expect(server.discoveries).toBe(0);
  });

  it('a confidential client without its secret cannot be used', async () => {
    const prepared = await oauth.tokenEndpoint.prepare(server.client(), undefined);
    expect(prepared).toMatchObject({ notReady: 'client_unusable' });
  });
});

describe('discovery', () => {
  it('happens once for all that ask at the same time, and is remembered', async () => {
    await Promise.all(Array.from({ length: 20 }, () => ready(server.client())));
    await ready(server.client({ uid: 'c2', revision: 9 }));
    expect(server.discoveries).toBe(1);
  });

  it('P6: what is known goes on while the server is down, however old it is', async () => {
    await ready(server.client());
    server.discovery = () => ({ status: 503, body: {} });
    now = 24 * 3_600_000;
    await ready(server.client());
    await ready(server.client({ revision: 2 }));
    expect(server.discoveries).toBeGreaterThan(1);
  });

  it('P12: a changed client is looked up anew', async () => {
    await ready(server.client());
    await ready(server.client({ revision: 2 }));
    expect(server.discoveries).toBe(2);
  });

  it('is not needed where the endpoints are given', async () => {
    const endpoints = { authorizationEndpoint: `${server.issuer}/a`, tokenEndpoint: `${server.issuer}/t` };
    await refresh(await ready(server.client({ endpoints })));
    expect([server.discoveries, server.posts.length]).toEqual([0, 1]);
  });

  it.each<[string, (s: ScriptedServer) => { status: number; body: unknown }, RegExp]>([
    ['is missing', () => ({ status: 404, body: {} }), /HTTP 404/],
    ['is no document', () => ({ status: 200, body: [] }), /discovery document/],
    [
      'names another issuer',
      (s) => ({ status: 200, body: { ...s.metadata(), issuer: 'https://evil.example' } }),
      /another issuer/,
    ],
    [
      'has no token endpoint',
      (s) => ({ status: 200, body: { issuer: s.issuer } }),
      /token_endpoint .* missing/,
    ],
    [
      'leads tokens out in the clear',
      (s) => ({ status: 200, body: { ...s.metadata(), token_endpoint: 'http://example.com/token' } }),
      /token_endpoint .* https/,
    ],
  ])('is a failure to be tried again where it %s', async (_what, discovery, description) => {
    server.discovery = () => discovery(server);
    const prepared = await oauth.tokenEndpoint.prepare(server.client(), SECRET);
    expect(prepared).toEqual({
      notReady: 'discovery_failed',
      description: expect.stringMatching(description),
    });
  });

  it('is a failure where nobody listens', async () => {
    server.stop();
    expect(await oauth.tokenEndpoint.prepare(server.client(), SECRET)).toMatchObject({
      notReady: 'discovery_failed',
    });
  });
});

describe('the code flow', () => {
  const codeVerifier = new Secret('v'.repeat(43));
  const begin = { redirectUri: REDIRECT_URI, state: 's1', nonce: 'n1', codeVerifier };

  function complete(query: string, changes: { nonce?: string; state?: string } = { nonce: 'n1' }) {
    const callbackUrl = new URL(`${REDIRECT_URI}?${query}`);
    const answer = { callbackUrl, state: 's1', codeVerifier, ...changes };
    return oauth.codeFlow.exchangeCode(server.client(), SECRET, answer);
  }
  const good = (): string => `code=c&state=s1&session_state=x&iss=${encodeURIComponent(server.issuer)}`;
  const tokens = (claims: Record<string, unknown> = { nonce: 'n1' }) => ({
    status: 200,
    body: {
      access_token: 'at',
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: 'rt',
      id_token: server.idToken(claims),
    },
  });

  it('asks with PKCE, state and nonce, and for consent along with offline_access', async () => {
    const scopes = ['openid', 'offline_access', 'sf'];
    const url = new URL(
      await oauth.codeFlow.authorizationUrl(server.client(), SECRET, { ...begin, scopes, loginHint: 'ada' }),
    );
    expect(url.origin + url.pathname).toBe(`${server.issuer}/connect/authorize`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: 'app',
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      scope: 'openid offline_access sf',
      state: 's1',
      nonce: 'n1',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      prompt: 'consent',
      login_hint: 'ada',
    });
    expect(url.href).not.toContain(codeVerifier.reveal());
  });

  it('asks for neither nonce nor consent where the scopes do not call for them', async () => {
    const url = new URL(
      await oauth.codeFlow.authorizationUrl(server.client(), SECRET, { ...begin, scopes: ['sf'] }),
    );
    expect([url.searchParams.get('nonce'), url.searchParams.get('prompt')]).toEqual([null, null]);
  });

  it('asks with what the profile adds, and never lets it touch what the flow sets', async () => {
    const ask = async (changes: Partial<OAuthClient>): Promise<URLSearchParams> => {
      const request = { ...begin, scopes: ['openid', 'offline_access'] };
      return new URL(await oauth.codeFlow.authorizationUrl(server.client(changes), SECRET, request))
        .searchParams;
    };
    const google = await ask({ profile: 'google' });
    expect([google.get('access_type'), google.get('prompt')]).toEqual(['offline', 'consent']);
    const authorizationParameters = { audience: 'https://api.example', prompt: 'login', state: 'evil' };
    const own = await ask({ profileSettings: { authorizationParameters } });
    expect([own.get('audience'), own.get('prompt'), own.get('state')]).toEqual([
      'https://api.example',
      'login',
      's1',
    ]);
  });

  it('exchanges the code, and knows the subject from the ID token', async () => {
    server.token = () => tokens();
    const grant = await complete(good());
    expect(grant).toMatchObject({ subject: 'ada', expiresInMs: 3_600_000, tokenType: 'Bearer' });
    expect(grant.refreshToken?.reveal()).toBe('rt');
    const { form } = server.posts[0] ?? { form: new URLSearchParams() };
    expect(form.get('redirect_uri')).toBe(REDIRECT_URI);
    expect(form.get('code_verifier')).toBe(codeVerifier.reveal());
  });

  it('works without an ID token where none was asked for', async () => {
    expect(await complete(good(), {})).not.toHaveProperty('subject');
  });

  it.each<[string, string, () => { status: number; body: unknown }]>([
    ['another nonce', 'AUTHORIZATION_SERVER_REFUSED', () => tokens({ nonce: 'other' })],
    ['another audience', 'AUTHORIZATION_SERVER_REFUSED', () => tokens({ nonce: 'n1', aud: 'other' })],
    [
      'another issuer',
      'AUTHORIZATION_SERVER_REFUSED',
      () => tokens({ nonce: 'n1', iss: 'https://evil.example' }),
    ],
    ['an expired ID token', 'AUTHORIZATION_SERVER_REFUSED', () => tokens({ nonce: 'n1', exp: 1 })],
    [
      'no ID token',
      'AUTHORIZATION_SERVER_REFUSED',
      () => ({ status: 200, body: { access_token: 'at', token_type: 'bearer' } }),
    ],
    [
      'invalid_grant',
      'AUTHORIZATION_SERVER_REFUSED',
      () => ({ status: 400, body: { error: 'invalid_grant' } }),
    ],
    [
      'invalid_client',
      'AUTHORIZATION_SERVER_REFUSED',
      () => ({ status: 401, body: { error: 'invalid_client' } }),
    ],
    ['a 500', 'AUTHORIZATION_SERVER_DOWN', () => ({ status: 500, body: {} })],
  ])('refuses %s from the token endpoint, as %s', async (_what, reason, token) => {
    server.token = token;
    const refused = complete(good());
    await expect(refused).rejects.toMatchObject({ name: 'BrokerError', refusal: { reason } });
    await expect(refused).rejects.not.toHaveProperty('cause');
  });

  it.each<[string, (s: ScriptedServer) => string, RegExp]>([
    ['another state', (s) => `code=c&state=s2&iss=${encodeURIComponent(s.issuer)}`, /RFC 9207/],
    ['another issuer', () => 'code=c&state=s1&iss=https%3A%2F%2Fevil.example', /RFC 9207/],
    ['no issuer, though the server says that it sends it', () => 'code=c&state=s1', /RFC 9207/],
    [
      'the word that the user declined',
      (s) => `error=access_denied&error_description=no+thanks&state=s1&iss=${s.issuer}`,
      /declined .*access_denied: no thanks/,
    ],
    [
      'markup in the error',
      (s) => `error=%3Cscript%3E&error_description=${'t0ken'.repeat(9)}&state=s1&iss=${s.issuer}`,
      /unreadable error code: \[masked\]/,
    ],
  ])('P9: refuses an answer with %s, and asks for no token', async (_what, query, message) => {
    await expect(complete(query(server))).rejects.toThrow(message);
    expect(server.posts).toHaveLength(0);
  });

  it('says that the server is down where it is', async () => {
    server.stop();
    await expect(complete(good())).rejects.toMatchObject({
      refusal: { reason: 'AUTHORIZATION_SERVER_DOWN' },
    });
  });
});
