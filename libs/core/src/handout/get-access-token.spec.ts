import fc from 'fast-check';
import {
  FakeWorld,
  sampleWorkload,
  settle,
  timersRun,
  withFakeTimers,
  type FakeReplica,
} from '../../../../test/harness/fakes/index.js';
import { AccessPolicy } from '../access/access.js';
import type { AccessTokenAnswer, AccessTokenRequest } from './get-access-token.js';
import { skewAllowance } from './life.js';

withFakeTimers();
const JOB = sampleWorkload('job');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
let world: FakeWorld;
let replica: FakeReplica;

beforeEach(async () => {
  world = new FakeWorld();
  replica = world.replica();
  const rule = { id: 'r', workloadId: 'job', connectionPattern: 'clients/c/connections/*', createdAt: 0 };
  replica.policy = new AccessPolicy([JOB], [rule]);
  await world.addConnection({ dueAt: world.clock.now() + HOUR });
});

const get = (wishes: Partial<AccessTokenRequest> & { waitMs?: number } = {}): Promise<AccessTokenAnswer> => {
  const { waitMs = 10_000, ...rest } = wishes;
  const deadline = world.clock.monotonic() + waitMs;
  const connection = { clientId: 'c', connectionId: 'u1' };
  return replica.handOut.get(JOB, { connection, scopes: [], resource: '', deadline, ...rest });
};

const tokenIn = (answer: AccessTokenAnswer): string =>
  'token' in answer ? answer.token.token.reveal() : answer.refusal.reason;

const sent = (): number => world.server.ledger.length;

describe('a token that is there', () => {
  it('comes from memory, without database and server', async () => {
    const token = await world.addAccessToken('uid-1', HOUR);
    expect(tokenIn(await get())).toBe(token.reveal());
    const calls = [...world.database.calls.values()];
    expect(tokenIn(await get())).toBe(token.reveal());
    expect([...world.database.calls.values()]).toEqual(calls);
    expect(sent()).toBe(0);
    expect(world.events.ofType('token.read').map(({ outcome }) => outcome)).toEqual(['rotated', 'cached']);
  });

  it('P5: has the life that was asked for, the skew allowed for, whatever its age', async () => {
    const moments = fc.record({ wait: fc.nat(2 * HOUR), minTtlMs: fc.nat(HOUR - 20_000) });
    await fc.assert(
      fc.asyncProperty(moments, async ({ wait, minTtlMs }) => {
        world.clock.advance(wait);
        const answer = await get({ minTtlMs });
        if ('refusal' in answer) throw new Error(answer.refusal.reason);
        expect(answer.ttlMs).toBeGreaterThanOrEqual(minTtlMs);
        expect(answer.token.expiresAt - world.clock.now()).toBeGreaterThanOrEqual(answer.ttlMs + 10_000);
      }),
    );
    expect(world.server.reuses).toEqual([]);
  });

  it('P5: is replaced by a rotation once it is too short, and at once by its skew before its end', async () => {
    await world.addAccessToken('uid-1', HOUR);
    await get();
    world.clock.advance(HOUR - 20 * MINUTE);
    expect(tokenIn(await get({ minTtlMs: 19 * MINUTE }))).toBe('access-1');
    expect(sent()).toBe(0);
    expect(tokenIn(await get({ minTtlMs: 20 * MINUTE }))).toBe('access-2');
    expect(sent()).toBe(1);
  });

  it('P5: is never handed out when it is over, not even where nothing else can be had', async () => {
    await world.addAccessToken('uid-1', HOUR);
    await get();
    world.database.goAway();
    world.clock.advance(HOUR - skewAllowance(HOUR) - 1);
    expect(tokenIn(await get({ minTtlMs: 0 }))).toBe('access-1');
    world.clock.advance(1);
    for (const minTtlMs of [0, 1]) expect(tokenIn(await get({ minTtlMs }))).toBe('DATABASE_UNAVAILABLE');
    expect(tokenIn(await get())).toBe('DATABASE_UNAVAILABLE');
  });

  it('P5: the wish for a fresher token does not let the held one go past its end', async () => {
    await world.addAccessToken('uid-1', HOUR);
    await get();
    world.clock.advance(HOUR - skewAllowance(HOUR) - 500);
    replica.endpoint.pace = () => new Promise(() => undefined);
    const waiting = get();
    await settle();
    world.clock.advance(1_000);
    await timersRun(1_000);
    expect(tokenIn(await waiting)).toBe('WAIT_EXPIRED');
  });
});

describe('P6: ride through', () => {
  it('what is held goes on being served while the database and the server are away', async () => {
    await world.addAccessToken('uid-1', HOUR);
    await get();
    world.database.goAway();
    replica.endpoint.plan('not sent');
    world.clock.advance(HOUR / 2);
    expect(tokenIn(await get())).toBe('access-1');
  });

  it('what is not held is DATABASE_UNAVAILABLE, with a time to come back', async () => {
    world.database.goAway();
    expect(await get()).toMatchObject({ refusal: { reason: 'DATABASE_UNAVAILABLE', retryAfterMs: 2_000 } });
  });

  it('nobody who named no min_ttl waits on a broken server for a token that is still good', async () => {
    await world.addAccessToken('uid-1', HOUR);
    await get();
    world.clock.advance(HOUR - 25_000);
    replica.endpoint.plan('refused');
    expect(tokenIn(await get())).toBe('access-1');
    expect(tokenIn(await get({ minTtlMs: 30_000 }))).toBe('AUTHORIZATION_SERVER_DOWN');
  });

  it('an in-doubt connection serves its current token', async () => {
    await world.addAccessToken('uid-1', HOUR);
    replica.endpoint.plan('consumed, answer lost');
    await replica.rotate();
    expect(world.connection().state).toBe('IN_DOUBT');
    expect(tokenIn(await get({ minTtlMs: 30 * MINUTE }))).toBe('access-1');
    world.clock.advance(40 * MINUTE);
    expect(await get({ minTtlMs: 30 * MINUTE })).toMatchObject({
      refusal: { reason: 'CONNECTION_IN_DOUBT', retryAfterMs: 19 * MINUTE },
    });
    expect(sent()).toBe(1);
  });
});

describe('P1: one flight', () => {
  it('serves a hundred callers with one rotation', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => get()));
    expect(new Set(answers.map(tokenIn))).toEqual(new Set(['access-1']));
    expect(sent()).toBe(1);
    expect(world.database.calls.get('findByName')).toBe(1);
  });

  it('serves callers of different min_ttl, and rotates again only for those it brought too little', async () => {
    await world.addAccessToken('uid-1', HOUR);
    world.clock.advance(30 * MINUTE);
    const [modest, demanding] = await Promise.all([
      get({ minTtlMs: MINUTE }),
      get({ minTtlMs: 50 * MINUTE }),
    ]);
    expect(tokenIn(modest)).toBe('access-1');
    expect(tokenIn(demanding)).toBe('access-2');
    expect(sent()).toBe(1);
  });

  it('lets each caller wait by its own deadline, and the flight goes on', async () => {
    let open: () => void = () => undefined;
    replica.endpoint.pace = (point) =>
      point === 'from the server' ? new Promise((resolve) => (open = resolve)) : Promise.resolve();
    const patient = get({ waitMs: 10_000 });
    const hurried = get({ waitMs: 100 });
    await settle();
    await timersRun(100);
    expect(tokenIn(await hurried)).toBe('WAIT_EXPIRED');
    open();
    expect(tokenIn(await patient)).toBe('access-1');
    expect(sent()).toBe(1);
  });

  it('two replicas spend once between them', async () => {
    const other = world.replica('replica-2');
    other.policy = replica.policy;
    const request = { connection: { clientId: 'c', connectionId: 'u1' }, scopes: [], resource: '' };
    const deadline = world.clock.monotonic() + 10_000;
    const both = Promise.all([get(), other.handOut.get(JOB, { ...request, deadline })]);
    await settle();
    for (const each of [replica, other]) each.hints.wakeAll();
    await timersRun(250);
    expect((await both).map(tokenIn)).toEqual(['access-1', 'access-1']);
    expect(sent()).toBe(1);
  });
});
