import { FakeWorld, settle, type FakeReplica } from '../../../../test/harness/fakes/index.js';
import { DEFAULT_VARIANT } from '../connection/variant.js';

let world: FakeWorld;
let replica: FakeReplica;

beforeEach(async () => {
  world = new FakeWorld();
  replica = world.replica();
  await world.addConnection();
});

const rotate = async (): Promise<unknown> =>
  replica.rotator.rotate(await replica.claim(), DEFAULT_VARIANT, 'operator');

describe('after each rotation everybody knows', () => {
  it('the new token is held before the rotation has ended', async () => {
    await rotate();
    expect(replica.held.get('clients/c/connections/u1')?.tokens.get('')?.generation).toBe(2);
  });

  it('a success is told of with what moved', async () => {
    await rotate();
    expect(world.events.all).toEqual([
      {
        type: 'rotation.succeeded',
        connection: 'clients/c/connections/u1',
        trigger: 'operator',
        fromGeneration: 1,
        toGeneration: 2,
        expiresAt: world.clock.now() + 3_600_000,
        durationMs: 0,
        saved: true,
        variant: '',
      },
    ]);
  });

  it.each([
    ['refused', { outcome: 'released', error: { code: 'too_many_requests' }, retryAt: expect.any(Number) }],
    ['consumed, 500', { outcome: 'doubted', error: { code: 'http_500' }, retryAt: expect.any(Number) }],
    ['final', { outcome: 'denied', error: { code: 'invalid_grant' } }],
  ] as const)('a failure is told of with its reason: %s', async (step, expected) => {
    replica.endpoint.plan(step);
    await rotate();
    expect(world.events.ofType('rotation.failed')).toMatchObject([{ generation: 1, ...expected }]);
  });

  it('P9: no event carries a token', async () => {
    await rotate();
    replica.endpoint.plan('final');
    await rotate();
    expect(JSON.stringify(world.events.all)).not.toMatch(/refresh-lineage|access-\d|sealed-/);
  });

  it('idle waits for all that are under way', async () => {
    await world.addConnection({ uid: 'uid-2' });
    const doors: Array<() => void> = [];
    replica.endpoint.pace = (point) =>
      point === 'to the server' ? new Promise((resolve) => doors.push(resolve)) : Promise.resolve();
    for (const uid of ['uid-1', 'uid-2']) {
      void replica.rotator.rotate(await replica.claim(uid), DEFAULT_VARIANT, 'schedule');
    }
    await settle();
    let idle = false;
    void replica.rotator.idle().then(() => (idle = true));
    doors[0]?.();
    await settle();
    expect([replica.rotator.inFlight, idle]).toEqual([1, false]);
    doors[1]?.();
    await settle();
    expect([replica.rotator.inFlight, idle]).toEqual([0, true]);
  });
});
