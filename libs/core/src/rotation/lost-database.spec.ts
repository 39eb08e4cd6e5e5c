import {
  FakeWorld,
  timersRun,
  withFakeTimers,
  type FakeReplica,
} from '../../../../test/harness/fakes/index.js';

/** What happens to an answer that is in hand while the database is not. */
describe('P3: the answer outlives the database', () => {
  withFakeTimers();
  let world: FakeWorld;
  let replica: FakeReplica;

  beforeEach(async () => {
    world = new FakeWorld();
    replica = world.replica();
    await world.addConnection();
  });

  const goAwayBeforeTheAnswer = (): void => {
    replica.endpoint.pace = async (point) => {
      if (point === 'from the server') world.database.goAway();
    };
  };

  it('is kept and served while the database is away, and saved as soon as it is back', async () => {
    goAwayBeforeTheAnswer();
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', generation: 2, saved: false });
    await timersRun(5_000);
    expect(replica.pending.size).toBe(1);
    expect(world.connection()).toMatchObject({ generation: 1 });
    world.database.comeBack();
    await timersRun(500);
    expect(replica.settled).toMatchObject([{ result: 'saved' }]);
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 2 });
    expect(world.server.isGood(await world.storedRefreshToken('uid-1'))).toBe(true);
  });

  it('is saved once where only the word that it was committed was lost', async () => {
    world.database.plan('heldSave', 'answer lost');
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', saved: false });
    const { revision } = world.connection();
    await timersRun(500);
    expect(replica.settled).toMatchObject([{ result: 'saved' }]);
    expect(world.connection()).toMatchObject({ generation: 2, revision });
  });

  it('P4: still counts after another replica has taken the attempt over and nothing was done about the doubt', async () => {
    goAwayBeforeTheAnswer();
    await world.addAccessToken('uid-1', 3_600_000);
    await replica.rotate();
    world.clock.advance(61_000);
    world.database.plan('save', 'away');
    world.database.comeBack();
    await world.replica('replica-2').due().tick();
    expect(world.connection().state).toBe('IN_DOUBT');
    await timersRun(1_000);
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 2 });
  });

  it.each([
    [
      'is good after all where the server let the probe’s reuse pass',
      'final',
      { state: 'ACTIVE', generation: 3 },
    ],
    [
      'is found out by the next rotation where reuse ended the lineage',
      'grant',
      { state: 'REAUTHORIZATION_REQUIRED' },
    ],
  ] as const)(
    'counts although another replica’s probe was denied meanwhile; %s',
    async (_what, step, after) => {
      goAwayBeforeTheAnswer();
      await replica.rotate();
      world.clock.advance(61_000);
      world.database.comeBack();
      const other = world.replica('replica-2');
      world.database.plan('save', 'away', 'away');
      other.endpoint.plan(step);
      await other.due().tick();
      world.clock.advance(30_000);
      await other.due().tick();
      await other.rotator.idle();
      expect(world.connection()).toMatchObject({ state: 'REAUTHORIZATION_REQUIRED', generation: 1 });
      await timersRun(2_000);
      expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 2 });
      await other.rotate();
      expect(world.connection()).toMatchObject(after);
      expect(world.server.ledger.map(({ number }) => number)).toEqual([1, 1, 2]);
    },
  );

  it('P4: a doubt that cannot be saved waits as well', async () => {
    replica.endpoint.plan('consumed, answer lost');
    goAwayBeforeTheAnswer();
    expect(await replica.rotate()).toMatchObject({ kind: 'doubted' });
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', attempt: { generation: 1 } });
    world.database.comeBack();
    await timersRun(500);
    expect(world.connection()).toMatchObject({ state: 'IN_DOUBT', generation: 1 });
  });

  it('no fault of our own while saving takes the answer along, and the lock is let go', async () => {
    world.database.plan('heldSave', 'fault');
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', saved: false });
    expect(world.database.row('uid-1').lock.held).toBe(false);
    await timersRun(500);
    expect(world.connection()).toMatchObject({ state: 'ACTIVE', generation: 2 });
  });

  it('a fault of our own before anything is sent is thrown, and another replica takes over in time', async () => {
    world.database.plan('hold', 'fault');
    await expect(replica.rotate()).rejects.toThrow('scripted fault');
    expect(world.server.ledger).toEqual([]);
    await world.addAccessToken('uid-1', 3_600_000);
    world.clock.advance(60_001);
    await world.replica('replica-2').due().tick();
    expect(world.connection().state).toBe('IN_DOUBT');
  });
});
