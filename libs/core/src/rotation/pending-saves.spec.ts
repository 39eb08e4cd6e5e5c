import {
  FakeWorld,
  timersRun,
  withFakeTimers,
  type FakeReplica,
} from '../../../../test/harness/fakes/index.js';
import type { RotationSave } from './ports.js';

describe('P3: saves that wait for the database', () => {
  withFakeTimers();
  let world: FakeWorld;
  let replica: FakeReplica;

  beforeEach(async () => {
    world = new FakeWorld();
    replica = world.replica();
  });

  const aSave = async (): Promise<RotationSave> => {
    const { uid } = await world.addConnection();
    const { attempt } = await replica.claim(uid);
    const lastError = { code: 'invalid_grant', description: 'scripted', at: 0 };
    return {
      uid,
      authorizationEpoch: 0,
      generation: 1,
      attemptId: attempt.id,
      change: { kind: 'denied', lastError },
    };
  };

  it('are tried again until the database has taken them', async () => {
    world.database.plan('save', 'away', 'away', 'away');
    replica.pending.add(await aSave());
    await timersRun(1_400);
    expect(replica.pending.size).toBe(1);
    await timersRun(200);
    expect(replica.pending.size).toBe(0);
    expect(replica.settled).toMatchObject([{ result: 'saved' }]);
    expect(world.connection().state).toBe('REAUTHORIZATION_REQUIRED');
  });

  it('are all saved, and do not hammer: one try for all while the database is away', async () => {
    const saves = [await aSave(), await aSave(), await aSave()];
    world.database.goAway();
    for (const save of saves) replica.pending.add(save);
    await timersRun(499);
    expect(world.database.calls.get('save')).toBe(1);
    world.database.comeBack();
    await timersRun(500);
    expect(replica.settled.map(({ result }) => result)).toEqual(['saved', 'saved', 'saved']);
  });

  it('end where the row has moved on', async () => {
    const save = await aSave();
    replica.pending.add({ ...save, attemptId: 'another' });
    expect(await replica.pending.drain(1_000)).toBe(0);
    expect(replica.settled).toMatchObject([{ result: 'superseded' }]);
  });

  it('P4: are kept and told of where the fault is our own', async () => {
    world.database.plan('save', 'fault');
    replica.pending.add(await aSave());
    await timersRun(400);
    expect(replica.settled).toMatchObject([{ result: 'TypeError' }]);
    expect(replica.pending.size).toBe(1);
    await timersRun(500);
    expect(replica.settled).toMatchObject([{ result: 'TypeError' }, { result: 'saved' }]);
  });

  it('may be added while others are being saved, and after all were', async () => {
    const [first, second, third] = [await aSave(), await aSave(), await aSave()];
    replica.pending.add(first);
    replica.pending.add(second);
    expect(await replica.pending.drain(1_000)).toBe(0);
    replica.pending.add(third);
    expect(await replica.pending.drain(1_000)).toBe(0);
    expect(replica.settled).toHaveLength(3);
  });

  it('drain answers at once where nothing waits, and what is left when its time is up', async () => {
    expect(await replica.pending.drain(60_000)).toBe(0);
    world.database.goAway();
    replica.pending.add(await aSaveWithoutDatabase());
    const left = replica.pending.drain(3_000);
    await timersRun(3_000);
    expect(await left).toBe(1);
  });

  const aSaveWithoutDatabase = async (): Promise<RotationSave> => {
    world.database.comeBack();
    const save = await aSave();
    world.database.goAway();
    return save;
  };
});
