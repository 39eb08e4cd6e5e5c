import { FakeWorld, type FakeReplica } from '../../../../test/harness/fakes/index.js';

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
    replica.endpoint.probe = 'never';
    expect(await replica.rotate()).toMatchObject({ kind: 'denied' });
    expect(world.connection()).toMatchObject({
      state: 'REAUTHORIZATION_REQUIRED',
      lastError: { code: 'probe_forbidden' },
    });
    expect(world.server.ledger).toEqual([]);
  });

  it('the profile says nothing about rotations without a doubt', async () => {
    replica.endpoint.probe = 'never';
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', generation: 2 });
  });
});
