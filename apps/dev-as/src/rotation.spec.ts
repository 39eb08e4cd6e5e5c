import { fingerprint } from './fingerprint.js';
import type { DevAuthorizationServer } from './server.js';
import {
  authorize,
  connect,
  refresh,
  REDIRECT_URI,
  SECRETS,
  startForSpec,
  tokenRequest,
} from './spec-support/client.js';

describe('refresh token rotation', () => {
  let server: DevAuthorizationServer;

  beforeEach(async () => {
    server = await startForSpec();
  });

  afterEach(async () => {
    await server.close();
  });

  it('rotates at every refresh, and the ledger follows the chain', async () => {
    let tokens = await connect(server);
    const first = fingerprint(tokens.refresh_token);
    for (let i = 0; i < 5; i += 1) tokens = await refresh(server, tokens.refresh_token);
    const judgement = server.ledger.judge();
    expect(judgement).toMatchObject({
      issued: 6,
      presented: 5,
      presentedTwice: [],
      doubleSpends: [],
      reuseDetected: 0,
    });
    expect(judgement.results).toMatchObject({ granted: 5 });
    expect(Object.values(judgement.liveTokensByChain)).toEqual([[fingerprint(tokens.refresh_token)]]);
    const issued = server.ledger.entries.filter((entry) => entry.type === 'issued');
    expect(issued.map(({ sub, client_id }) => `${sub} ${client_id}`)).toEqual(
      Array(6).fill('ada indicium-web'),
    );
    expect(issued.map(({ rotations }) => rotations)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(issued[0]).toMatchObject({ fingerprint: first, predecessor: null });
    expect(issued[1]?.predecessor).toBe(first);
    expect(JSON.stringify(server.ledger.entries)).not.toContain(tokens.refresh_token);
  });

  it('says how long refresh tokens and authorizations last, where it is told to, and ends both in time', async () => {
    expect(await connect(server)).not.toHaveProperty('refresh_token_expires_in');
    const limited = await startForSpec({
      refreshTokenTtlSeconds: 2,
      authorizationTtlSeconds: 60,
      answerLifetimes: true,
    });
    try {
      const first = await connect(limited);
      expect(first).toMatchObject({
        refresh_token_expires_in: 2,
        authorization_expires_in: expect.any(Number),
      });
      const next = await refresh(limited, first.refresh_token);
      expect(next).toMatchObject({ refresh_token_expires_in: 2 });
      await new Promise((resolve) => setTimeout(resolve, 2_100));
      expect(await refresh(limited, next.refresh_token)).toMatchObject({ error: 'invalid_grant' });
    } finally {
      await limited.close();
    }
  });

  it('kills the whole chain, successor included, when a token is used twice', async () => {
    const other = await connect(server);
    const first = await connect(server);
    const second = await refresh(server, first.refresh_token);
    expect(await refresh(server, first.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect(await refresh(server, second.refresh_token)).toMatchObject({
      status: 400,
      error: 'invalid_grant',
    });
    const judgement = server.ledger.judge();
    expect(judgement.chainsKilled).toEqual([expect.objectContaining({ reason: 'reuse' })]);
    expect(judgement.reuseDetected).toBe(1);
    expect(judgement.doubleSpends).toEqual([
      expect.objectContaining({
        fingerprint: fingerprint(first.refresh_token),
        repetition: 'after_granted',
        sub: 'ada',
      }),
    ]);
    // Another authorization of the same user and client is another chain.
    expect((await refresh(server, other.refresh_token)).status).toBe(200);
  });

  it('grants only one of many simultaneous presentations, records all, and kills the chain', async () => {
    const { refresh_token } = await connect(server);
    // Held back for a moment, all of them enter the authorization server's logic together.
    server.faults.add({ kind: 'delay_before', delayMs: 100, times: 8 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(server, refresh_token)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const judgement = server.ledger.judge();
    expect(judgement.presented).toBe(8);
    expect(judgement.doubleSpends).toEqual([expect.objectContaining({ repetition: 'concurrent' })]);
    expect(judgement.chainsKilled).toHaveLength(1);
    const survivor = answers.find(({ status }) => status === 200)?.refresh_token ?? '';
    expect(await refresh(server, survivor)).toMatchObject({ error: 'invalid_grant' });
  });

  it('lets a code be used once', async () => {
    const { callback, verifier } = await authorize(server, 'indicium-web', { login: 'ada' });
    const code = callback.searchParams.get('code') ?? '';
    const params = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: verifier,
    };
    const answers = await Promise.all([1, 2].map(() => tokenRequest(server, 'indicium-web', params)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 400]);
  });

  it('records unknown tokens and those of another client', async () => {
    const { refresh_token } = await connect(server);
    expect((await refresh(server, 'never-issued')).error).toBe('invalid_grant');
    expect((await refresh(server, refresh_token, {}, 'indicium-public')).error).toBe('invalid_grant');
    expect(server.ledger.judge()).toMatchObject({
      presented: 2,
      unknownPresented: 1,
      results: { refused: 2 },
    });
    expect((await refresh(server, refresh_token)).status).toBe(200);
  });

  it('revokes at the revocation endpoint (RFC 7009)', async () => {
    const { refresh_token } = await connect(server);
    const authorization = `Basic ${Buffer.from(`indicium-web:${SECRETS.web}`).toString('base64')}`;
    const body = new URLSearchParams({ token: refresh_token, token_type_hint: 'refresh_token' });
    const init = { method: 'POST', headers: { authorization }, body };
    expect((await fetch(`${server.issuer}/connect/revocation`, init)).status).toBe(200);
    expect((await refresh(server, refresh_token)).error).toBe('invalid_grant');
    expect(server.ledger.judge().chainsKilled).toEqual([
      expect.objectContaining({ reason: 'revocation_endpoint' }),
    ]);
  });

  it('ends grants by user and by client on demand', async () => {
    const ada = await connect(server, 'indicium-web', 'ada');
    const post = await connect(server, 'indicium-post', 'ada');
    const grace = await connect(server, 'indicium-web', 'grace');
    expect(server.revokeGrants({ subject: 'ada', client_id: 'indicium-web' })).toBe(1);
    expect((await refresh(server, ada.refresh_token)).error).toBe('invalid_grant');
    expect((await refresh(server, post.refresh_token, {}, 'indicium-post')).status).toBe(200);
    expect((await refresh(server, grace.refresh_token)).status).toBe(200);
    expect(server.revokeGrants()).toBe(2);
  });
});
