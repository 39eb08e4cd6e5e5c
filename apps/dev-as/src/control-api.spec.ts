import { fingerprint } from './fingerprint.js';
import type { DevAuthorizationServer } from './server.js';
import { claimsOf, connect, refresh, startForSpec, tokenRequest } from './spec-support/client.js';

const CONTROL_TOKEN = 'control-token-of-this-spec';

describe('control API', () => {
  let server: DevAuthorizationServer;

  beforeEach(async () => {
    server = await startForSpec({ controlToken: CONTROL_TOKEN });
  });

  afterEach(async () => {
    await server.close();
  });

  const call = (method: string, path: string, body?: unknown, token = CONTROL_TOKEN): Promise<Response> =>
    fetch(`${server.issuer}/dev/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  it('answers 401 to everybody without the token, and to all when there is none', async () => {
    expect((await call('GET', 'ledger', undefined, 'wrong')).status).toBe(401);
    expect((await fetch(`${server.issuer}/dev/ledger`)).status).toBe(401);
    expect((await call('POST', 'faults', { kind: 'down' }, 'wrong')).status).toBe(401);
    expect(server.faults.list()).toEqual([]);
    const closed = await startForSpec();
    const response = await fetch(`${closed.issuer}/dev/ledger`, {
      headers: { authorization: 'Bearer undefined' },
    });
    expect(response.status).toBe(401);
    await closed.close();
  });

  it('gives the ledger as JSON lines, and its summary', async () => {
    const { refresh_token } = await connect(server);
    await refresh(server, refresh_token);
    const lines = (await (await call('GET', 'ledger')).text()).trim().split('\n');
    const records = lines.map((line) => JSON.parse(line) as { type: string; fingerprint?: string });
    expect(records.map(({ type }) => type)).toEqual(['issued', 'presented', 'issued', 'outcome']);
    expect(records[0]?.fingerprint).toBe(fingerprint(refresh_token));
    expect(await (await call('GET', 'ledger/summary')).json()).toMatchObject({
      issued: 2,
      presented: 1,
      doubleSpends: [],
    });
  });

  it('sets, lists and clears faults; stays reachable while the server is down', async () => {
    expect((await call('POST', 'faults', { kind: 'down' })).status).toBe(201);
    await expect(
      tokenRequest(server, 'indicium-batch', { grant_type: 'client_credentials' }),
    ).rejects.toThrow();
    expect(await (await call('GET', 'faults')).json()).toMatchObject({
      faults: [{ kind: 'down', remaining: -1, hits: 1 }],
    });
    expect((await call('DELETE', 'faults')).status).toBe(200);
    expect((await tokenRequest(server, 'indicium-batch', { grant_type: 'client_credentials' })).status).toBe(
      200,
    );
  });

  it('adds a client and changes a secret', async () => {
    const client = {
      client_id: 'new-batch',
      client_secret: 'first',
      grant_types: ['client_credentials'],
      linked_user: 'svc-report',
      access_token_ttl_seconds: 20,
      token_endpoint_auth_method: 'client_secret_post',
    };
    expect((await call('POST', 'clients', client)).status).toBe(201);
    const ask = async (
      client_secret: string,
    ): Promise<{ access_token: string; expires_in: number; error: string }> => {
      const body = new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: 'new-batch',
        client_secret,
      });
      const response = await fetch(`${server.issuer}/connect/token`, { method: 'POST', body });
      return (await response.json()) as { access_token: string; expires_in: number; error: string };
    };
    const tokens = await ask('first');
    expect([claimsOf(tokens.access_token)['sub'], tokens.expires_in]).toEqual(['svc-report', 20]);
    const changed = { client_id: 'new-batch', client_secret: 'second' };
    expect((await call('POST', 'client-secret', changed)).status).toBe(200);
    expect((await ask('first')).error).toBe('invalid_client');
    expect((await ask('second')).expires_in).toBe(20);
  });

  it('revokes grants and sets the life of tokens', async () => {
    const { refresh_token } = await connect(server);
    expect(await (await call('POST', 'revoke-grants', { subject: 'ada' })).json()).toEqual({ revoked: 1 });
    expect((await refresh(server, refresh_token)).error).toBe('invalid_grant');
    await call('POST', 'token-ttl', { seconds: 42 });
    expect((await connect(server)).expires_in).toBe(42);
  });

  it.each([
    ['faults', { kind: 'explode' }],
    ['faults', { kind: 'hang', tmies: 2 }],
    ['clients', { client_id: 'x' }],
    ['client-secret', { client_id: 'nobody', client_secret: 's' }],
    ['token-ttl', { seconds: 0 }],
    ['revoke-grants', { sub: 'ada' }],
  ])('refuses what makes no sense: %s %j', async (path, body) => {
    const response = await call('POST', path, body);
    expect([response.status, await response.json()]).toEqual([
      400,
      expect.objectContaining({ error: 'invalid_request' }),
    ]);
  });

  it('names its actions for a path that it has not', async () => {
    const response = await call('GET', 'nothing');
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('POST /dev/faults');
  });
});
