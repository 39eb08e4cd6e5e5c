import { Faults } from './faults.js';
import type { FaultKind, FaultRule } from './faults.js';
import type { LedgerJudgement } from './judge.js';
import type { DevAuthorizationServer } from './server.js';
import { connect, refresh, SECRETS, startForSpec, tokenRequest } from './spec-support/client.js';

describe('faults at the token endpoint', () => {
  let server: DevAuthorizationServer;

  beforeEach(async () => {
    server = await startForSpec();
  });

  afterEach(async () => {
    await server.close();
  });

  /** Refreshes under a fault; answers what the client saw, and whether the token was spent by it. */
  async function under(
    rule: FaultRule,
  ): Promise<{ saw: string; body: string; headers: Headers; spent: boolean }> {
    const { refresh_token } = await connect(server);
    server.faults.add({ grantType: 'refresh_token', ...rule });
    const answer = await post(refresh_token).then(
      async (response) => ({
        saw: String(response.status),
        headers: response.headers,
        body: await bodyOf(response),
      }),
      () => ({ saw: 'cut', headers: new Headers(), body: '' }),
    );
    const spent = (await refresh(server, refresh_token)).error === 'invalid_grant';
    return { ...answer, spent };
  }

  function post(refreshToken: string): Promise<Response> {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
    const authorization = `Basic ${Buffer.from(`indicium-web:${SECRETS.web}`).toString('base64')}`;
    return fetch(`${server.issuer}/connect/token`, {
      method: 'POST',
      headers: { authorization },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(3000),
    });
  }

  const bodyOf = (response: Response): Promise<string> => response.text().catch(() => 'cut');
  const outcomes = (): Record<string, unknown>[] => firstPresentation(server.ledger.judge());

  it.each<[FaultKind, string, boolean, string]>([
    ['drop_request', 'cut', false, 'not_processed'],
    ['error_500_before', '500', false, 'not_processed'],
    ['html_502', '502', false, 'not_processed'],
    ['status_429', '429', false, 'not_processed'],
    ['status_503', '503', false, 'not_processed'],
    ['empty_400', '400', false, 'not_processed'],
    ['redirect', '302', false, 'not_processed'],
    ['hang', 'cut', false, 'not_processed'],
    ['drop_answer', 'cut', true, 'granted_answer_lost'],
    ['truncate_answer', '200', true, 'granted_answer_lost'],
    ['error_500_after', '500', true, 'granted_answer_lost'],
    ['omit_refresh_token', '200', true, 'granted'],
    ['omit_expires_in', '200', true, 'granted'],
    ['delay_before', '200', true, 'granted'],
    ['delay_after', '200', true, 'granted'],
  ])('%s: the client sees %s, spent: %s, the ledger says %s', async (kind, saw, spent, result) => {
    expect(await under({ kind, delayMs: 50 })).toMatchObject({ saw, spent });
    expect(outcomes()).toMatchObject([{ result, fault: kind }, {}]);
  });

  it('shapes the answers as said', async () => {
    expect((await under({ kind: 'truncate_answer' })).body).toBe('cut');
    const html = await under({ kind: 'html_502' });
    expect([html.headers.get('content-type'), html.body]).toEqual([
      'text/html',
      expect.stringContaining('<html>'),
    ]);
    const later = await under({ kind: 'status_429', retryAfterSeconds: 7 });
    expect(later.headers.get('retry-after')).toBe('7');
    expect((await under({ kind: 'status_503' })).headers.get('retry-after')).toBeNull();
    expect((await under({ kind: 'empty_400' })).body).toBe('');
    const noRefreshToken = JSON.parse((await under({ kind: 'omit_refresh_token' })).body) as object;
    expect(Object.keys(noRefreshToken).sort()).toEqual([
      'access_token',
      'expires_in',
      'id_token',
      'scope',
      'token_type',
    ]);
    expect((await under({ kind: 'omit_expires_in' })).body).not.toContain('expires_in');
  });

  it('records a client that left before the late answer', async () => {
    const { refresh_token } = await connect(server);
    server.faults.add({ kind: 'delay_after', delayMs: 300 });
    const params = { grant_type: 'refresh_token', refresh_token };
    await expect(tokenRequest(server, 'indicium-web', params, AbortSignal.timeout(100))).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(server.ledger.judge().results).toMatchObject({ granted_answer_lost: 1, pending: 0 });
  });

  it('records a client that left before its request was processed, which happened all the same', async () => {
    const { refresh_token } = await connect(server);
    server.faults.add({ kind: 'delay_before', delayMs: 300 });
    const params = { grant_type: 'refresh_token', refresh_token };
    await expect(tokenRequest(server, 'indicium-web', params, AbortSignal.timeout(100))).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.ledger.judge().results).toMatchObject({ not_processed: 1 });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(server.ledger.judge().results).toMatchObject({ granted_answer_lost: 1, not_processed: 0 });
  });

  it('plays dead altogether, until cleared', async () => {
    const { refresh_token } = await connect(server);
    server.faults.add({ kind: 'down' });
    await expect(fetch(`${server.issuer}/.well-known/openid-configuration`)).rejects.toThrow();
    await expect(refresh(server, refresh_token)).rejects.toThrow();
    server.faults.clear();
    expect((await refresh(server, refresh_token)).status).toBe(200);
    expect(server.ledger.judge().presented).toBe(1);
  });

  it('reaches other paths', async () => {
    server.faults.add({ kind: 'status_503', path: '/.well-known/openid-configuration' });
    const discover = (): Promise<Response> => fetch(`${server.issuer}/.well-known/openid-configuration`);
    expect([(await discover()).status, (await discover()).status]).toEqual([503, 200]);
  });
});

describe('Faults', () => {
  it('hits by client, grant type and number of times', () => {
    const faults = new Faults();
    const { id } = faults.add({ kind: 'html_502', clientId: 'a', grantType: 'refresh_token', times: 2 });
    const pick = (clientId: string, grantType: string): string | undefined =>
      faults.pick({ path: '/connect/token', clientId, grantType })?.id;
    expect(pick('b', 'refresh_token')).toBeUndefined();
    expect(pick('a', 'client_credentials')).toBeUndefined();
    expect([1, 2, 3].map(() => pick('a', 'refresh_token'))).toEqual([id, id, undefined]);
    expect(faults.list()).toEqual([]);
  });

  it('repeats itself for the same seed, and honours the probability', () => {
    const run = (seed: number): boolean[] => {
      const faults = new Faults(seed);
      faults.add({ kind: 'hang', probability: 0.3, times: -1 });
      return Array.from({ length: 1000 }, () => faults.pick({ path: '/connect/token' }) !== undefined);
    };
    expect(run(7)).toEqual(run(7));
    expect(run(7)).not.toEqual(run(8));
    const hits = run(7).filter(Boolean).length;
    expect(hits).toBeGreaterThan(250);
    expect(hits).toBeLessThan(350);
  });

  it('refuses rules that make no sense', () => {
    const faults = new Faults();
    expect(() => faults.add({ kind: 'explode' as FaultKind })).toThrow('unknown fault kind');
    expect(() => faults.add({ kind: 'hang', times: 0 })).toThrow('times');
    expect(() => faults.add({ kind: 'hang', probability: 2 })).toThrow('probability');
  });
});

function firstPresentation(judgement: LedgerJudgement): Record<string, unknown>[] {
  return judgement.presentedTwice.flatMap(({ presentations }) => presentations.map((p) => ({ ...p })));
}
