import { FakeWorld, type FakeReplica } from '../../../../test/harness/fakes/index.js';
import { DEFAULT_VARIANT } from '../connection/variant.js';
import { STRICTEST } from './rotation-profile.js';

let world: FakeWorld;
let replica: FakeReplica;

beforeEach(async () => {
  world = new FakeWorld();
  replica = world.replica();
  await world.addConnection();
});

describe('the one probe of an in-doubt connection', () => {
  const doubt = async (step: 'consumed, answer lost' | 'request lost'): Promise<void> => {
    replica.endpoint.plan(step);
    await replica.rotate();
    expect(world.connection().state).toBe('IN_DOUBT');
  };

  it('P1: that is granted shows that the token had not been spent', async () => {
    await doubt('request lost');
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', generation: 2 });
    expect(world.connection().state).toBe('ACTIVE');
    expect(world.connection().lastError).toBeUndefined();
  });

  it('that is denied ends the connection and says why', async () => {
    await doubt('consumed, answer lost');
    expect(await replica.rotate()).toMatchObject({ kind: 'denied' });
    expect(world.connection().state).toBe('REAUTHORIZATION_REQUIRED');
    expect(world.connection().lastError?.description).toMatch(/began with timeout.*had been spent/);
    expect(world.server.ledger).toHaveLength(2);
  });

  it('P1: that is not answered either is not tried again', async () => {
    await doubt('request lost');
    replica.endpoint.plan('consumed, answer lost');
    expect(await replica.rotate()).toMatchObject({ kind: 'denied' });
    expect(world.connection()).toMatchObject({
      state: 'REAUTHORIZATION_REQUIRED',
      lastError: { code: 'in_doubt_unresolved' },
    });
    expect(await replica.store.claimOne('uid-1', replica.claimRequest)).toEqual({ kind: 'busy' });
  });

  it('that was not sent is still to come', async () => {
    await doubt('request lost');
    replica.endpoint.plan('not sent');
    expect(await replica.rotate()).toMatchObject({ kind: 'released' });
    expect(world.connection().state).toBe('IN_DOUBT');
    world.clock.advance(3_600_000);
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', generation: 2 });
  });

  it('is not made where the profile forbids it: the connection is to be authorized again', async () => {
    await doubt('request lost');
    replica.endpoint.profile = { ...STRICTEST, probe: 'never' };
    expect(await replica.rotate()).toMatchObject({ kind: 'denied' });
    expect(world.connection()).toMatchObject({
      state: 'REAUTHORIZATION_REQUIRED',
      lastError: {
        code: 'probe_forbidden',
        description: expect.stringMatching(/forbids to try it again.*the doubt began with timeout: scripted/),
      },
    });
    expect(world.server.ledger).toEqual([]);
  });

  it('is not made where the profile forbids it, although the server cannot even be looked up', async () => {
    await doubt('request lost');
    replica.endpoint.profile = { ...STRICTEST, probe: 'never' };
    replica.endpoint.notReady = { notReady: 'discovery_failed', description: 'down' };
    expect(await replica.rotate()).toMatchObject({ kind: 'denied' });
  });

  it('comes at once within the grace window: a spent token still brings the next one', async () => {
    await world.addAccessToken('uid-1', 3_600_000);
    replica.endpoint.profile = { ...STRICTEST, graceWindowMs: 30_000 };
    await doubt('request lost');
    expect(world.connection().dueAt).toBe(world.clock.now());
    await replica.due().tick();
    await replica.rotator.idle();
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 2 });
  });

  it('comes late where the answer took most of the grace window, counted from the sending', async () => {
    await world.addAccessToken('uid-1', 3_600_000);
    replica.endpoint.profile = { ...STRICTEST, graceWindowMs: 30_000 };
    replica.endpoint.pace = async (point) => {
      if (point === 'from the server') world.clock.advance(25_000);
    };
    await doubt('request lost');
    expect(world.connection().dueAt).toBeGreaterThan(world.clock.now() + 3_000_000);
  });

  it('comes late where somebody looks after the fact: a grace window counts from the claim at the latest', async () => {
    await world.addAccessToken('uid-1', 3_600_000);
    replica.endpoint.profile = { ...STRICTEST, graceWindowMs: 30_000 };
    const { connection, attempt } = await replica.claim();
    world.clock.advance(25_000);
    const { id: attemptId, generation } = attempt;
    const ended = {
      connection,
      attemptId,
      generation,
      variant: DEFAULT_VARIANT,
      requestedAt: world.clock.now(),
    };
    const lost = { kind: 'unanswered', code: 'replica_ended', description: 'scripted' } as const;
    await replica.finisher.fail(ended, lost, replica.store);
    expect(world.connection().dueAt).toBeGreaterThan(world.clock.now() + 3_000_000);
  });

  it('has no place where refresh tokens are not single-use: what is not answered is tried again', async () => {
    replica.endpoint.profile = { ...STRICTEST, reuse: 'accepted' };
    replica.endpoint.plan('request lost', 'request lost');
    for (let i = 0; i < 2; i += 1) expect(await replica.rotate()).toMatchObject({ kind: 'released' });
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', failureCount: 2 });
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', generation: 2 });
  });

  it('the profile says nothing about rotations without a doubt', async () => {
    replica.endpoint.profile = { ...STRICTEST, probe: 'never' };
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', generation: 2 });
  });
});
