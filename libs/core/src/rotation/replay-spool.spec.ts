import { SpoolReplay } from '#libs/core';
import { FakeReplica, FakeWorld } from '../../../../test/harness/fakes/index.js';

/** The same replica in its next life: its disk is the one of the life before. */
async function reborn(world: FakeWorld, before: FakeReplica): Promise<FakeReplica> {
  const replica = new FakeReplica(world, 'replica', 1_000, before.spool);
  const { spool, store, finisher, endpoint } = replica;
  const { sealer, events, clock } = world;
  const clients = { client: async (id: string) => world.clients.get(id) };
  await new SpoolReplay({ spool, store, finisher, endpoint, clients, sealer, events, clock }).run();
  return replica;
}

describe('what a replica does about its life before', () => {
  let world: FakeWorld;
  let replica: FakeReplica;

  beforeEach(async () => {
    world = new FakeWorld();
    replica = new FakeReplica(world, 'replica');
    await world.addConnection({ uid: 'uid-1' });
  });

  it('P3: an answer that was journaled and not saved is saved before anything else', async () => {
    replica.endpoint.pace = async (point) => {
      if (point === 'from the server') world.database.goAway();
    };
    const outcome = await replica.rotate();
    expect(outcome).toMatchObject({ kind: 'rotated', saved: false });
    expect(world.connection('uid-1')).toMatchObject({ generation: 1 });
    world.database.comeBack();
    await reborn(world, replica);
    const after = world.connection('uid-1');
    expect(after).toMatchObject({ generation: 2, state: 'ACTIVE' });
    expect(after.attempt).toBeUndefined();
    expect(world.server.isGood(world.sealer.peek(after.refreshToken!))).toBe(true);
  });

  it('P1: replaying an answer that was saved changes nothing', async () => {
    await replica.rotate();
    const before = world.connection('uid-1');
    await reborn(world, replica);
    expect(world.connection('uid-1')).toEqual(before);
  });

  it('P4: what was sent and not answered is in doubt at once, without waiting for a deadline', async () => {
    const claim = await replica.claim();
    const { id: attemptId, generation } = claim.attempt;
    const variant = { scopes: [], resource: '', key: '' };
    await replica.spool.sent({
      attemptId,
      uid: 'uid-1',
      generation,
      authorizationEpoch: claim.connection.authorizationEpoch,
      variant,
      requestedAt: world.clock.now(),
    });
    await reborn(world, replica);
    expect(world.connection('uid-1')).toMatchObject({
      state: 'IN_DOUBT',
      generation: 1,
      lastError: { code: 'replica_ended' },
    });
  });

  it('P4: what was claimed and never sent is given back at once, and stays active', async () => {
    await replica.claim();
    const next = await reborn(world, replica);
    expect(world.connection('uid-1')).toMatchObject({ state: 'ACTIVE', lastError: { code: 'interrupted' } });
    expect(world.connection('uid-1').attempt).toBeUndefined();
    world.clock.advance(10_000);
    expect(await next.rotate()).toMatchObject({ kind: 'rotated', generation: 2 });
  });

  it('leaves the attempts of other replicas alone', async () => {
    const other = new FakeReplica(world, 'other');
    const claim = await other.claim();
    await reborn(world, replica);
    expect(world.connection('uid-1').attempt?.id).toBe(claim.attempt.id);
  });

  it('P2: nothing is sent while the disk is full, and the connection stays active', async () => {
    replica.spool.full = true;
    expect(await replica.rotate()).toMatchObject({
      kind: 'released',
      change: { lastError: { code: 'spool_unavailable' } },
    });
    expect(world.server.ledger).toEqual([]);
    expect(world.connection('uid-1').state).toBe('ACTIVE');
  });

  it('P3: a disk that fills up between sending and the answer does not lose the answer', async () => {
    replica.endpoint.pace = async (point) => {
      if (point === 'from the server') replica.spool.full = true;
    };
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', saved: true });
    expect(world.connection('uid-1').generation).toBe(2);
  });
});
