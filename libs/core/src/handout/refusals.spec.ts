import {
  FakeWorld,
  sampleWorkload,
  withFakeTimers,
  type FakeReplica,
} from '../../../../test/harness/fakes/index.js';
import { AccessPolicy, type Workload } from '../access/access.js';
import type { AccessTokenAnswer, AccessTokenRequest } from './get-access-token.js';

withFakeTimers();
const JOB = sampleWorkload('job');
const STRANGER = sampleWorkload('stranger');
const READER = sampleWorkload('reader', 'READER');
const HOUR = 3_600_000;
let world: FakeWorld;
let replica: FakeReplica;

beforeEach(async () => {
  world = new FakeWorld();
  replica = world.replica();
  const rule = { id: 'r', workloadId: 'job', connectionPattern: 'clients/*/connections/*', createdAt: 0 };
  replica.policy = new AccessPolicy([JOB, STRANGER, READER], [rule]);
  await world.addConnection({ dueAt: world.clock.now() + HOUR });
});

const get = (
  caller: Workload = JOB,
  connectionId = 'u1',
  wishes: Partial<AccessTokenRequest> = {},
): Promise<AccessTokenAnswer> => {
  const connection = { clientId: 'c', connectionId };
  const deadline = world.clock.monotonic() + 10_000;
  return replica.handOut.get(caller, { connection, scopes: [], resource: '', deadline, ...wishes });
};

const nothingSent = (): void => expect(world.server.ledger).toEqual([]);

describe('P8: deny by default', () => {
  const nameless = (answer: AccessTokenAnswer): string =>
    JSON.stringify(answer).replaceAll(/connections\/\w+/g, '…');

  it('the answer is the same for a forbidden and for a nonexistent connection', async () => {
    const forbidden = await get(STRANGER, 'u1');
    const nonexistent = await get(STRANGER, 'nobody');
    expect(forbidden).toMatchObject({ refusal: { reason: 'ACCESS_DENIED' } });
    expect(nameless(forbidden)).toBe(nameless(nonexistent));
  });

  it('the same for one with a rule: that a connection does not exist is for readers to know', async () => {
    expect(await get(JOB, 'nobody')).toMatchObject({ refusal: { reason: 'ACCESS_DENIED' } });
    expect(nameless(await get(JOB, 'nobody'))).toBe(
      nameless(await get(JOB, 'nobody-else')).replaceAll('-else', ''),
    );
  });

  it('a refused caller without a role does not make the database do anything', async () => {
    await get(STRANGER, 'u1');
    await get(STRANGER, 'nobody');
    expect(world.database.calls.size).toBe(0);
  });

  it('readers learn that it does not exist, and are refused where it does', async () => {
    expect(await get(READER, 'nobody')).toMatchObject({ refusal: { reason: 'CONNECTION_NOT_FOUND' } });
    expect(await get(READER, 'u1')).toMatchObject({ refusal: { reason: 'ACCESS_DENIED' } });
    world.database.goAway();
    expect(await get(READER, 'nobody')).toMatchObject({ refusal: { reason: 'ACCESS_DENIED' } });
  });

  it('a token in memory changes nothing for those without a rule', async () => {
    await world.addAccessToken('uid-1', HOUR);
    await get();
    expect(await get(STRANGER)).toMatchObject({ refusal: { reason: 'ACCESS_DENIED' } });
  });

  it('P12: a rule that is gone is gone at once', async () => {
    await world.addAccessToken('uid-1', HOUR);
    expect(await get()).toHaveProperty('token');
    replica.policy = new AccessPolicy([JOB], []);
    expect(await get()).toMatchObject({ refusal: { reason: 'ACCESS_DENIED' } });
  });
});

describe('refusals that say what to do', () => {
  it('MIN_TTL_UNSATISFIABLE spends nothing, and names the longest', async () => {
    await world.addAccessToken('uid-1', HOUR);
    const longest = HOUR - 20_000;
    world.clock.advance(10_000);
    expect(await get(JOB, 'u1', { minTtlMs: longest + 1 })).toMatchObject({
      refusal: {
        reason: 'MIN_TTL_UNSATISFIABLE',
        metadata: { longest_ttl_seconds: String(longest / 1_000) },
      },
    });
    nothingSent();
    expect(await get(JOB, 'u1', { minTtlMs: longest })).toHaveProperty('token');
  });

  it('MIN_TTL_UNSATISFIABLE where only the rotation showed how short tokens live; the next one costs nothing', async () => {
    replica.endpoint.grants = { expiresInMs: 60_000 };
    for (let i = 0; i < 2; i += 1) {
      expect(await get(JOB, 'u1', { minTtlMs: HOUR })).toMatchObject({
        refusal: { reason: 'MIN_TTL_UNSATISFIABLE' },
      });
    }
    expect(world.server.ledger).toHaveLength(1);
  });

  it('REAUTHORIZATION_REQUIRED comes with the link to reconnect, also from the rotation that found out', async () => {
    replica.endpoint.plan('final');
    for (let i = 0; i < 2; i += 1) {
      const answer = await get();
      expect(answer).toMatchObject({
        refusal: {
          reason: 'REAUTHORIZATION_REQUIRED',
          metadata: {
            last_error: 'invalid_grant',
            reconnect_uri: expect.stringMatching(/^https:.*\/connect\//),
          },
        },
      });
    }
    expect(world.server.ledger).toHaveLength(1);
  });

  it('a service account by client credentials has no link', async () => {
    await world.addConnection({ uid: 's', connectionId: 's', grantType: 'client_credentials' });
    world.database.patch('s', { state: 'REAUTHORIZATION_REQUIRED' });
    const answer = await get(JOB, 's');
    expect(answer).toMatchObject({ refusal: { reason: 'REAUTHORIZATION_REQUIRED' } });
    expect(JSON.stringify(answer)).not.toContain('reconnect_uri');
  });

  it.each([
    ['PAUSED', 'CONNECTION_PAUSED'],
    ['REVOKED', 'CONNECTION_REVOKED'],
  ] as const)('%s is refused although a good token is there', async (state, reason) => {
    await world.addAccessToken('uid-1', HOUR);
    world.database.patch('uid-1', { state });
    expect(await get()).toMatchObject({ refusal: { reason } });
    nothingSent();
  });

  it('a pause counts in memory as soon as its hint is there', async () => {
    await world.addAccessToken('uid-1', HOUR);
    expect(await get()).toHaveProperty('token');
    world.database.patch('uid-1', { state: 'PAUSED' });
    replica.held.changed('uid-1');
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(await get()).toMatchObject({ refusal: { reason: 'CONNECTION_PAUSED' } });
  });

  it.each([
    [['c'], '', 'SCOPE_NOT_GRANTED'],
    [['not a scope'], '', 'INVALID_REQUEST'],
    [[], 'no-uri', 'INVALID_REQUEST'],
  ])('scopes %j and resource %j: %s', async (scopes, resource, reason) => {
    for (let i = 0; i < 2; i += 1) {
      expect(await get(JOB, 'u1', { scopes, resource })).toMatchObject({ refusal: { reason } });
      await get();
    }
    expect(world.server.ledger).toHaveLength(1);
  });

  it('AUTHORIZATION_SERVER_DOWN says when to come back, and the next caller does not hammer', async () => {
    replica.endpoint.plan('refused');
    replica.endpoint.retryAfterMs = 60_000;
    for (let i = 0; i < 3; i += 1) {
      expect(await get()).toMatchObject({
        refusal: { reason: 'AUTHORIZATION_SERVER_DOWN', retryAfterMs: 60_000 },
      });
    }
    expect(world.server.ledger).toHaveLength(1);
  });

  it('a fault of our own is thrown, and the next caller has a new chance', async () => {
    world.database.plan('findByName', 'fault');
    await expect(get()).rejects.toThrow('scripted fault');
    expect(await get()).toHaveProperty('token');
  });

  it('P9: neither refusals nor events carry a token', async () => {
    await get();
    await get(STRANGER);
    replica.endpoint.plan('final');
    world.clock.advance(HOUR);
    const refused = await get();
    expect(JSON.stringify([refused, world.events.all])).not.toMatch(/refresh-lineage|access-\d/);
    expect(world.events.ofType('token.read').map(({ outcome }) => outcome)).toEqual([
      'rotated',
      'ACCESS_DENIED',
      'REAUTHORIZATION_REQUIRED',
    ]);
  });
});

describe('variants', () => {
  it('of one connection are told apart, and all spend the same lineage', async () => {
    const plain = await get();
    replica.endpoint.grants = { expiresInMs: HOUR, scopes: ['a'] };
    const narrow = await get(JOB, 'u1', { scopes: ['a'] });
    expect(narrow).toMatchObject({ token: { scopes: ['a'], generation: 3 } });
    expect(plain).toMatchObject({ token: { generation: 2 } });
    expect(await get(JOB, 'u1', { scopes: ['a'] })).toMatchObject({ token: { generation: 3 } });
    expect(await get()).toMatchObject({ token: { generation: 2 } });
    expect(world.server.ledger.map(({ number }) => number)).toEqual([1, 2]);
  });

  it('that ask for all scopes, in whatever order, are the default', async () => {
    await get();
    expect(await get(JOB, 'u1', { scopes: ['b', 'a', 'b'] })).toMatchObject({ token: { generation: 2 } });
    expect(world.server.ledger).toHaveLength(1);
  });
});
