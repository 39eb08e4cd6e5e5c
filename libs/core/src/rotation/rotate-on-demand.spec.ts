import {
  FakeWorld,
  settle,
  timersRun,
  withFakeTimers,
  type FakeReplica,
} from '../../../../test/harness/fakes/index.js';
import type { Connection } from '../connection/connection.js';
import { DEFAULT_VARIANT } from '../connection/variant.js';
import type { RotationTrigger } from '../events.js';

withFakeTimers();
let world: FakeWorld;
let replica: FakeReplica;
let other: FakeReplica;

beforeEach(async () => {
  world = new FakeWorld();
  replica = world.replica();
  other = world.replica('replica-2');
  await world.addConnection({ dueAt: world.clock.now() + 3_600_000 });
});

const never = async (): Promise<undefined> => undefined;
const onceRotated = async (row: Connection): Promise<number | undefined> =>
  row.generation > 1 ? row.generation : undefined;

const demand = (
  by: FakeReplica,
  options: {
    adopt?: (row: Connection) => Promise<number | undefined>;
    waitMs?: number;
    trigger?: RotationTrigger;
  } = {},
): ReturnType<FakeReplica['demand']['rotate']> => {
  const { adopt = never, waitMs = 10_000, trigger = 'demand' } = options;
  const deadline = world.clock.monotonic() + waitMs;
  return by.demand.rotate('uid-1', DEFAULT_VARIANT, trigger, () => deadline, adopt);
};

/** Both clocks of the waiters. */
const timePasses = async (ms: number): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 250) {
    world.clock.advance(250);
    await timersRun(250);
  }
};

describe('a rotation on demand', () => {
  it('happens although nothing is due', async () => {
    expect(await demand(replica)).toMatchObject({ outcome: { kind: 'rotated', generation: 2 } });
  });

  it('P7: adopts what is there already, and spends nothing', async () => {
    await replica.rotate();
    expect(await demand(other, { adopt: onceRotated })).toEqual({ adopted: 2 });
    expect(world.server.ledger).toHaveLength(1);
  });

  it('P1, P7: of two replicas one spends, and the other adopts its result as soon as it hears of it', async () => {
    let open: () => void = () => undefined;
    replica.endpoint.pace = (point) =>
      point === 'from the server' ? new Promise((resolve) => (open = resolve)) : Promise.resolve();
    const winner = demand(replica);
    await settle();
    const loser = demand(other, { adopt: onceRotated });
    await settle();
    expect(other.hints.size).toBe(1);
    open();
    expect(await winner).toMatchObject({ outcome: { kind: 'rotated' } });
    other.hints.wakeAll();
    expect(await loser).toEqual({ adopted: 2 });
    expect(world.server.ledger).toHaveLength(1);
  });

  it('adopts without any hint, since it polls as well', async () => {
    const claim = await replica.claim();
    const waiting = demand(other, { adopt: onceRotated });
    await timePasses(500);
    await replica.spender.spend(claim);
    await timePasses(500);
    expect(await waiting).toEqual({ adopted: 2 });
  });

  it('spends by itself where the other one let go without a result', async () => {
    const claim = await replica.claim();
    replica.endpoint.plan('not sent');
    const waiting = demand(other, { adopt: onceRotated });
    await settle();
    await replica.spender.spend(claim);
    world.clock.advance(1_000);
    other.hints.wakeAll();
    expect(await waiting).toMatchObject({ outcome: { kind: 'rotated', generation: 2 } });
  });

  it('gives up at its deadline, and not before', async () => {
    await replica.claim();
    let answer: unknown;
    void demand(other, { waitMs: 2_000 }).then((given) => (answer = given));
    await timePasses(1_500);
    expect(answer).toBeUndefined();
    await timePasses(750);
    expect(answer).toMatchObject({ refusal: { reason: 'WAIT_EXPIRED', retryAfterMs: expect.any(Number) } });
    expect(other.hints.size).toBe(0);
  });

  it('does not wait at all where its deadline has passed', async () => {
    await replica.claim();
    expect(await demand(other, { waitMs: 0 })).toMatchObject({ refusal: { reason: 'WAIT_EXPIRED' } });
  });
});

describe('refusals', () => {
  it('P11: while the server is in trouble, callers are told when to come back, and nothing is sent', async () => {
    world.database.patch('uid-1', {
      notBefore: world.clock.now() + 30_000,
      lastError: { code: 'connection_refused', description: 'scripted', at: 0 },
    });
    expect(await demand(replica)).toMatchObject({
      refusal: {
        reason: 'AUTHORIZATION_SERVER_DOWN',
        retryAfterMs: 30_000,
        metadata: { last_error: 'connection_refused' },
      },
    });
    expect(world.server.ledger).toEqual([]);
    expect(await demand(replica, { trigger: 'operator' })).toMatchObject({ outcome: { kind: 'rotated' } });
  });

  it('are over when the backoff is', async () => {
    world.database.patch('uid-1', { notBefore: world.clock.now() + 30_000 });
    world.clock.advance(30_000);
    expect(await demand(replica)).toMatchObject({ outcome: { kind: 'rotated' } });
  });

  it.each(['demand', 'operator'] as const)('P1: nobody may probe before its time: %s', async (trigger) => {
    world.database.patch('uid-1', { state: 'IN_DOUBT', dueAt: world.clock.now() + 60_000 });
    expect(await demand(replica, { trigger })).toMatchObject({
      refusal: { reason: 'CONNECTION_IN_DOUBT', retryAfterMs: 60_000 },
    });
    expect(world.server.ledger).toEqual([]);
    world.clock.advance(60_000);
    expect(await demand(replica, { trigger })).toMatchObject({ outcome: { kind: 'rotated' } });
  });

  it.each([
    ['PAUSED', 'CONNECTION_PAUSED'],
    ['REVOKED', 'CONNECTION_REVOKED'],
    ['REAUTHORIZATION_REQUIRED', 'REAUTHORIZATION_REQUIRED'],
  ] as const)('%s: %s', async (state, reason) => {
    world.database.patch('uid-1', { state });
    expect(await demand(replica)).toMatchObject({ refusal: { reason } });
    expect(world.server.ledger).toEqual([]);
  });

  it('a deleted connection', async () => {
    world.database.rows.clear();
    expect(await demand(replica)).toMatchObject({ refusal: { reason: 'CONNECTION_NOT_FOUND' } });
  });

  it('a database that is away is thrown', async () => {
    world.database.goAway();
    await expect(demand(replica)).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  });
});
