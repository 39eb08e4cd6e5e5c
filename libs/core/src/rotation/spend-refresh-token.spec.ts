import {
  FakeWorld,
  timersRun,
  withFakeTimers,
  type FakeReplica,
} from '../../../../test/harness/fakes/index.js';
import { variantOf } from '../connection/variant.js';
import { sealingContext } from '../sealer.js';
import { phaseOf } from './phase.js';
import { Secret } from '../secret.js';

let world: FakeWorld;
let replica: FakeReplica;

beforeEach(async () => {
  world = new FakeWorld();
  replica = world.replica();
  await world.addConnection();
});

describe('a rotation that is granted', () => {
  it('moves the connection to the next generation, with the token sealed for it', async () => {
    const outcome = await replica.rotate();
    expect(outcome).toMatchObject({ kind: 'rotated', generation: 2, saved: true, tokenTtlMs: 3_600_000 });
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 2, failureCount: 0 });
    expect(world.connection().attempt).toBeUndefined();
    expect(world.server.isGood(await world.storedRefreshToken('uid-1'))).toBe(true);
  });

  it('goes on along the lineage, each refresh token once', async () => {
    for (let i = 0; i < 5; i += 1) await replica.rotate();
    expect(world.server.ledger.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
    expect(world.server.reuses).toEqual([]);
  });

  it('P5: counts the life of the access token from the moment its request was sent', async () => {
    const sentAt = world.clock.now();
    replica.endpoint.pace = async (point) => {
      if (point === 'from the server') world.clock.advance(9_000);
    };
    const outcome = await replica.rotate();
    expect(outcome).toMatchObject({ token: { requestedAt: sentAt, expiresAt: sentAt + 3_600_000 } });
  });

  it('keeps the old refresh token where the server gives no new one, sealed for the next generation', async () => {
    const before = await world.storedRefreshToken('uid-1');
    replica.endpoint.plan('grant, same refresh token');
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', generation: 2 });
    expect((await world.storedRefreshToken('uid-1')).reveal()).toBe(before.reveal());
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', generation: 3 });
  });

  it('is due again within the share of its life, and knows the scopes that were granted', async () => {
    replica.endpoint.grants = { expiresInMs: 1_000_000, scopes: ['a'] };
    const now = world.clock.now();
    await replica.rotate();
    const { dueAt = 0 } = world.connection();
    expect(dueAt - now).toBeGreaterThan(400_000);
    expect(dueAt - now).toBeLessThanOrEqual(500_000);
    expect(world.connection()).toMatchObject({
      scopes: ['a'],
      dueAt: now + Math.floor(1_000_000 * (0.495 - 0.09 * phaseOf('uid-1'))),
      expiresAt: now + 1_000_000,
    });
  });

  it('assumes the life that the OAuth client names where the answer says none', async () => {
    replica.endpoint.grants = {};
    expect(await replica.rotate()).toMatchObject({ tokenTtlMs: 300_000 });
  });

  it('for another variant leaves the plan, the scopes and the expiry of the default one alone', async () => {
    await replica.rotate();
    const before = world.connection();
    replica.endpoint.grants = { expiresInMs: 60_000, scopes: ['a'] };
    const variant = variantOf(['a'], '', before.scopes);
    expect(await replica.rotate('uid-1', variant)).toMatchObject({ kind: 'rotated', generation: 3 });
    const { dueAt, scopes, expiresAt } = before;
    expect(world.connection()).toMatchObject({ generation: 3, dueAt, scopes, expiresAt });
    expect([...world.database.row('uid-1').tokens.keys()].sort()).toEqual(['', variant.key].sort());
  });

  it('is used in time before its refresh token ends by itself, although the access token lives longer', async () => {
    const now = world.clock.now();
    replica.endpoint.grants = { expiresInMs: 86_400_000, refreshTokenExpiresInMs: 600_000 };
    await replica.rotate();
    expect(world.connection()).toMatchObject({ refreshExpiresAt: now + 600_000, dueAt: now + 515_700 });
    // Another variant brings another refresh token: the plan stands, unless that would not live to see it.
    replica.endpoint.grants = { expiresInMs: 60_000, refreshTokenExpiresInMs: 60_000 };
    await replica.rotate('uid-1', variantOf(['a'], '', world.connection().scopes));
    expect(world.connection()).toMatchObject({ refreshExpiresAt: now + 60_000, dueAt: now + 28_650 });
  });

  it('an expired refresh token is tried all the same, and the reason says that it had expired', async () => {
    world.database.patch('uid-1', { refreshExpiresAt: world.clock.now() - 1_000 });
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated' });
    world.database.patch('uid-1', { refreshExpiresAt: world.clock.now() - 1_000 });
    replica.endpoint.plan('final');
    await replica.rotate();
    expect(world.connection()).toMatchObject({
      state: 'REAUTHORIZATION_REQUIRED',
      lastError: {
        code: 'invalid_grant',
        description: expect.stringMatching(/had expired unused at \d{4}-/),
      },
    });
  });

  it('P9: shows no token in what it answers', async () => {
    const outcome = JSON.stringify(await replica.rotate());
    expect(outcome).not.toMatch(/refresh-lineage|access-\d/);
    expect(outcome).toContain('[secret]');
  });

  it('opens the client secret at its place and hands it to the endpoint', async () => {
    const clientSecret = await world.sealer.seal(
      new Secret('hush'),
      sealingContext.clientSecret('client-uid'),
    );
    world.clients.set('c', { ...world.clients.get('c')!, authMethod: 'client_secret_basic', clientSecret });
    await replica.rotate();
    expect(replica.endpoint.secrets.at(-1)?.reveal()).toBe('hush');
  });
});

describe('a rotation that fails', () => {
  it('P7: ends the connection by the definite word, and keeps what it has', async () => {
    replica.endpoint.plan('final');
    expect(await replica.rotate()).toMatchObject({ kind: 'denied' });
    expect(world.connection()).toMatchObject({
      state: 'REAUTHORIZATION_REQUIRED',
      generation: 1,
      lastError: { code: 'invalid_grant' },
    });
    expect(world.connection().refreshToken).toBeDefined();
  });

  it.each(['refused', 'not sent'] as const)('P7: tries again after %s; nothing was spent', async (step) => {
    replica.endpoint.plan(step);
    expect(await replica.rotate()).toMatchObject({ kind: 'released', change: { failureCount: 1 } });
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 1 });
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', generation: 2 });
  });

  it('P11: honours Retry-After', async () => {
    replica.endpoint.plan('refused');
    replica.endpoint.retryAfterMs = 120_000;
    await replica.rotate();
    expect(world.connection().notBefore).toBeGreaterThanOrEqual(world.clock.now() + 120_000);
  });

  it.each(['consumed, answer lost', 'request lost', 'consumed, 500'] as const)(
    'P4: is in doubt after %s, and nothing is sent before the probe is due',
    async (step) => {
      await world.addAccessToken('uid-1', 3_600_000);
      replica.endpoint.plan(step);
      expect(await replica.rotate()).toMatchObject({ kind: 'doubted' });
      expect(world.connection()).toMatchObject({ state: 'IN_DOUBT', generation: 1 });
      expect(await replica.store.claimOne('uid-1', replica.claimRequest)).toEqual({ kind: 'busy' });
      world.clock.advance(3_600_000 - 60_000);
      await expect(replica.claim()).resolves.toMatchObject({ connection: { state: 'IN_DOUBT' } });
    },
  );

  it('client credentials are not used up: a lost answer is tried again', async () => {
    await world.addConnection({ uid: 'service', grantType: 'client_credentials' });
    replica.endpoint.plan('consumed, answer lost', 'consumed, 500');
    for (let i = 0; i < 2; i += 1)
      expect(await replica.rotate('service')).toMatchObject({ kind: 'released' });
    expect(world.connection('service').state).toBe('ACTIVE');
    expect(await replica.rotate('service')).toMatchObject({ kind: 'rotated', generation: 0 });
    expect(world.connection('service')).not.toHaveProperty('refreshToken');
    expect(world.server.clientCredentialsRequests).toBe(3);
  });
});

describe('nothing is sent', () => {
  withFakeTimers();

  const nothingSent = (): void => {
    expect(world.server.ledger).toEqual([]);
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 1 });
  };

  it('P2: where the database is away before the lock is held; the release is saved once it is back', async () => {
    const claim = await replica.claim();
    world.database.goAway();
    expect(await replica.spender.spend(claim)).toMatchObject({
      kind: 'released',
      change: { lastError: { code: 'database_unavailable' } },
    });
    expect(replica.pending.size).toBe(1);
    world.database.comeBack();
    await timersRun(500);
    expect(replica.pending.size).toBe(0);
    nothingSent();
    expect(world.connection().attempt).toBeUndefined();
  });

  it('P1: where the attempt has been taken over meanwhile; that nothing was sent ends the doubt', async () => {
    await world.addAccessToken('uid-1', 3_600_000);
    const claim = await replica.claim();
    world.clock.advance(60_001);
    await world.replica('replica-2').due().tick();
    expect(await replica.spender.spend(claim)).toMatchObject({ kind: 'superseded' });
    nothingSent();
    expect(world.connection().doubt).toBeUndefined();
  });

  it('P1: where this process slept past the time for sending', async () => {
    const claim = await replica.claim();
    replica.endpoint.pace = async () => world.clock.advance(40_001);
    expect(await replica.spender.spend(claim)).toMatchObject({
      kind: 'released',
      change: { lastError: { code: 'too_late' } },
    });
    nothingSent();
  });

  it('where the sealed refresh token does not open', async () => {
    world.sealer.loseKeyOf(sealingContext.refreshToken('uid-1', 1));
    expect(await replica.rotate()).toMatchObject({
      kind: 'released',
      change: { lastError: { code: 'unreadable_refresh_token' } },
    });
    nothingSent();
  });

  it('where a refresh token of another generation lies in the row', async () => {
    world.database.patch('uid-1', { generation: 2 });
    expect(await replica.rotate()).toMatchObject({
      change: { lastError: { code: 'unreadable_refresh_token' } },
    });
    expect(world.server.ledger).toEqual([]);
  });

  it('where the OAuth client is gone, its secret does not open, or its endpoint is not known', async () => {
    const client = world.clients.get('c')!;
    world.clients.delete('c');
    expect(await replica.rotate()).toMatchObject({ change: { lastError: { code: 'client_unknown' } } });
    const clientSecret = await world.sealer.seal(new Secret('hush'), 'clients/another/client_secret');
    world.clients.set('c', { ...client, clientSecret });
    expect(await replica.rotate()).toMatchObject({ change: { lastError: { code: 'client_unusable' } } });
    world.clients.set('c', client);
    replica.endpoint.notReady = { notReady: 'discovery_failed', description: 'down' };
    expect(await replica.rotate()).toMatchObject({ change: { lastError: { code: 'discovery_failed' } } });
    nothingSent();
    expect(world.connection().failureCount).toBe(3);
  });
});
