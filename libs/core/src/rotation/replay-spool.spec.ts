import { DEFAULT_VARIANT, type Claim, type Connection } from '#libs/core';
import { FakeReplica, FakeWorld } from '../../../../test/harness/fakes/index.js';

/** The same replica in its next life: its disk is the one of the life before. */
async function reborn(world: FakeWorld, before: FakeReplica): Promise<FakeReplica> {
  const replica = new FakeReplica(world, 'replica', 1_000, before.spool);
  await replica.replay.run();
  return replica;
}

/** Claims, journals the sending, and dies. */
async function diesAfterSending(world: FakeWorld, replica: FakeReplica): Promise<Claim> {
  const claim = await replica.claim();
  const { id: attemptId, generation } = claim.attempt;
  const { authorizationEpoch } = claim.connection;
  const requestedAt = world.clock.now();
  await replica.spool.sent({
    attemptId,
    uid: 'uid-1',
    generation,
    authorizationEpoch,
    variant: DEFAULT_VARIANT,
    requestedAt,
  });
  return claim;
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
    await diesAfterSending(world, replica);
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

describe('a replica that comes back after another one took its attempt over', () => {
  let world: FakeWorld;
  let replica: FakeReplica;

  beforeEach(async () => {
    world = new FakeWorld();
    replica = new FakeReplica(world, 'replica');
    await world.addConnection({ uid: 'uid-1' });
    await world.addAccessToken('uid-1', 3_600_000);
  });

  const takenOver = async (): Promise<void> => {
    world.clock.advance(61_000);
    await world.replica('other').due().tick();
    expect(world.connection()).toMatchObject({
      state: 'IN_DOUBT',
      doubt: { spoolId: replica.spool.id },
      lastError: { code: 'replica_gone' },
    });
  };

  it('P4: knows that it never sent anything: the doubt is over, and nothing is probed', async () => {
    await replica.claim();
    await takenOver();
    await reborn(world, replica);
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 1 });
    expect(world.connection().doubt).toBeUndefined();
  });

  it('P4: knows that not a byte went out although the sending was journaled', async () => {
    const claim = await diesAfterSending(world, replica);
    await replica.spool.unsent(claim.attempt.id);
    await takenOver();
    await reborn(world, replica);
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 1 });
  });

  it('P4: cannot know it from a damaged journal: the doubt stays, and its spool need not be asked again', async () => {
    await replica.claim();
    await takenOver();
    replica.spool.damaged = 1;
    await reborn(world, replica);
    expect(world.connection()).toMatchObject({ state: 'IN_DOUBT', lastError: { code: 'replica_ended' } });
    expect(world.connection().doubt).not.toHaveProperty('spoolId');
  });

  it('P4: sent, and has no answer: it is gone for good', async () => {
    await diesAfterSending(world, replica);
    await takenOver();
    await reborn(world, replica);
    expect(world.connection()).toMatchObject({ state: 'IN_DOUBT', lastError: { code: 'replica_ended' } });
    expect(world.connection().doubt).not.toHaveProperty('spoolId');
    expect(await replica.store.doubtsOf(replica.spool.id)).toEqual([]);
  });
});

/** A standby that was promoted without the last commits: the row is as it was before them. */
describe('P1, P4: a redo after a failover that lost what was committed last', () => {
  let world: FakeWorld;
  let replica: FakeReplica;

  beforeEach(async () => {
    world = new FakeWorld();
    replica = new FakeReplica(world, 'replica');
    await world.addConnection({ uid: 'uid-1' });
    await world.addAccessToken('uid-1', 3_600_000);
  });

  const redo = (): Promise<boolean> => replica.replay.redo();
  const putBack = (connection: Connection): void => {
    world.database.row('uid-1').connection = connection;
  };

  it('brings back every generation, in their order', async () => {
    const before = world.connection();
    for (let i = 0; i < 3; i += 1) await replica.rotate();
    putBack(before);
    await redo();
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 4 });
    expect(world.server.isGood(await world.storedRefreshToken('uid-1'))).toBe(true);
    expect(world.server.reuses).toEqual([]);
  });

  it('P1: brings back a lineage that two replicas have spent in turn, whichever comes first', async () => {
    const before = world.connection();
    const other = world.replica('other');
    await replica.rotate();
    await other.rotate();
    await replica.rotate();
    await other.rotate();
    putBack(before);
    expect([await replica.replay.redo(), await other.replay.redo()]).toEqual([true, true]);
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 5 });
    expect(world.server.isGood(await world.storedRefreshToken('uid-1'))).toBe(true);
    expect(world.server.reuses).toEqual([]);
  });

  it('P1: a doubt that stands on what another replica has waits for its redo', async () => {
    const before = world.connection();
    const other = world.replica('other');
    await other.rotate();
    replica.endpoint.plan('consumed, answer lost');
    await replica.rotate();
    putBack(before);
    expect(await redo()).toBe(false);
    expect(await other.replay.redo()).toBe(true);
    expect(await redo()).toBe(true);
    expect(world.connection()).toMatchObject({ state: 'IN_DOUBT', generation: 2 });
  });

  it('a doubt does not wait for ever for what nobody has any more', async () => {
    const before = world.connection();
    await world.replica('gone for good').rotate();
    replica.endpoint.plan('consumed, answer lost');
    await replica.rotate();
    putBack(before);
    expect(await redo()).toBe(false);
    world.clock.advance(100_000);
    expect(await redo()).toBe(true);
  });

  it('brings back a doubt whose attempt is not known any more, and only once', async () => {
    const before = world.connection();
    replica.endpoint.plan('consumed, answer lost');
    await replica.rotate();
    putBack(before);
    await redo();
    expect(world.connection()).toMatchObject({ state: 'IN_DOUBT', generation: 1 });
    const after = world.connection();
    await redo();
    expect(world.connection()).toEqual(after);
  });

  it('brings back a denial, and a probe that failed', async () => {
    const before = world.connection();
    replica.endpoint.plan('consumed, answer lost', 'request lost');
    await replica.rotate();
    world.clock.advance(3_600_000);
    await replica.rotate();
    expect(world.connection()).toMatchObject({ state: 'REAUTHORIZATION_REQUIRED' });
    putBack(before);
    await redo();
    expect(world.connection()).toMatchObject({
      state: 'REAUTHORIZATION_REQUIRED',
      lastError: { code: 'in_doubt_unresolved' },
    });
    expect(world.server.ledger).toHaveLength(1);
  });

  it.each(['refused', 'not sent'] as const)('leaves alone what was %s: nothing was spent', async (step) => {
    const before = world.connection();
    replica.endpoint.plan(step);
    await replica.rotate();
    putBack(before);
    await redo();
    expect(world.connection()).toEqual(before);
  });

  it('changes nothing where nothing was lost', async () => {
    replica.endpoint.plan('grant', 'refused', 'consumed, answer lost');
    for (let i = 0; i < 3; i += 1) {
      await replica.rotate();
      const before = world.connection();
      await redo();
      expect(world.connection()).toEqual(before);
      world.clock.advance(10_000);
    }
  });

  it('leaves alone what this process has under way, where the row still has it', async () => {
    const claim = await diesAfterSending(world, replica);
    await redo();
    expect(world.connection().attempt?.id).toBe(claim.attempt.id);
  });

  it('what is on the wire is in doubt where the claim was lost, until its answer comes', async () => {
    const before = world.connection();
    let seen: Connection | undefined;
    replica.endpoint.pace = async (point) => {
      if (point !== 'from the server') return;
      world.database.cutSessions();
      putBack(before);
      await redo();
      seen = world.connection();
      const other = world.replica('other');
      expect(await other.store.claimOne('uid-1', other.claimRequest)).toMatchObject({ kind: 'busy' });
    };
    await replica.rotate();
    expect(seen).toMatchObject({ state: 'IN_DOUBT', doubt: { spoolId: replica.spool.id } });
    await replica.pending.drain(5_000);
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 2 });
  });

  it('what was claimed before the redo and not sent yet is not sent any more', async () => {
    const claim = await replica.claim();
    await redo();
    expect(await replica.spender.spend(claim)).toMatchObject({
      kind: 'released',
      change: { lastError: { code: 'too_late' } },
    });
    expect(world.server.ledger).toEqual([]);
    world.clock.advance(1_000);
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated' });
  });
});
