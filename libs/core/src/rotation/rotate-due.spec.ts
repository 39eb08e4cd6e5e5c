import { FakeWorld, settle, type FakeReplica } from '../../../../test/harness/fakes/index.js';
import type { Connection } from '../connection/connection.js';
import { DEFAULT_VARIANT } from '../connection/variant.js';

let world: FakeWorld;
let replica: FakeReplica;

beforeEach(() => {
  world = new FakeWorld();
  replica = world.replica();
});

/** Holds requests back at the door of the server, and counts how many are there at most. */
class Door {
  most = 0;
  private readonly waiting: Array<() => void> = [];

  constructor(of: FakeReplica) {
    of.endpoint.pace = (point) => (point === 'to the server' ? this.arrive() : Promise.resolve());
  }

  open(howMany = this.waiting.length): void {
    for (const letIn of this.waiting.splice(0, howMany)) letIn();
  }

  private arrive(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.most = Math.max(this.most, this.waiting.length);
    });
  }
}

const addConnections = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i += 1) await world.addConnection({ uid: `uid-${i}` });
};

describe('P11: the scheduler', () => {
  it('never has more under way than it may, and goes on until nothing is due', async () => {
    await addConnections(25);
    const door = new Door(replica);
    const ticking = replica.due(8).tick();
    for (let i = 0; i < 100 && world.events.ofType('rotation.succeeded').length < 25; i += 1) {
      await settle();
      expect(replica.rotator.inFlight).toBeLessThanOrEqual(3);
      door.open(1 + (i % 3));
    }
    await ticking;
    expect(world.events.ofType('rotation.succeeded')).toHaveLength(25);
    // Of eight slots two are for reads on demand, and half of the others stays free for other OAuth clients.
    expect(door.most).toBe(3);
    expect(world.server.reuses).toEqual([]);
  });

  it('takes the soonest to expire first', async () => {
    const now = world.clock.now();
    await world.addConnection({ uid: 'later', dueAt: now - 3_000, expiresAt: now + 2_000 });
    await world.addConnection({ uid: 'first', dueAt: now - 1_000, expiresAt: now + 1_000 });
    await world.addConnection({ uid: 'not yet', dueAt: now + 1_000, expiresAt: now });
    await replica.due(1).tick();
    await replica.rotator.idle();
    expect(world.server.ledger.map(({ lineage }) => lineage)).toEqual(['lineage-2', 'lineage-1']);
  });

  it('counts what reads have begun, and goes on when they end', async () => {
    await addConnections(20);
    const door = new Door(replica);
    const onceRotated = async ({ generation }: Connection): Promise<true | undefined> =>
      generation > 1 || undefined;
    for (let i = 0; i < 12; i += 1) {
      const deadline = world.clock.monotonic() + 60_000;
      void replica.demand.rotate(`uid-${i}`, DEFAULT_VARIANT, 'demand', () => deadline, onceRotated);
    }
    await settle();
    // Sixteen slots: reads of one OAuth client get half of them, and the background half of what is left.
    expect(replica.rotator.inFlight).toBe(8);
    const ticking = replica.due().tick();
    await settle();
    expect(replica.rotator.inFlight).toBe(12);
    for (let i = 0; i < 20; i += 1) {
      door.open();
      await settle();
    }
    await ticking;
    await replica.rotator.idle();
    expect(world.events.ofType('rotation.succeeded')).toHaveLength(20);
  });

  it('a tick while another one looks is none', async () => {
    let goOn: () => void = () => undefined;
    world.database.pace = () => new Promise((resolve) => (goOn = resolve));
    const due = replica.due();
    const first = due.tick();
    await settle();
    await due.tick();
    expect(world.database.calls.get('takeOver')).toBe(1);
    world.database.pace = () => Promise.resolve();
    goOn();
    await first;
    await due.tick();
    expect(world.database.calls.get('takeOver')).toBe(2);
  });

  it('ticks go on while there is a backlog, and never begin a second lane of an OAuth client', async () => {
    await addConnections(5);
    const door = new Door(replica);
    const due = replica.due(1);
    const backlog = due.tick();
    await settle();
    void due.tick();
    await settle();
    expect(world.database.calls.get('takeOver')).toBe(2);
    expect(replica.rotator.inFlight).toBe(1);
    for (let i = 0; i < 5; i += 1) {
      door.open();
      await settle();
    }
    await backlog;
    expect(world.server.ledger).toHaveLength(5);
  });

  it('claims nothing after it was stopped, also where it waits for room', async () => {
    await addConnections(3);
    const door = new Door(replica);
    const due = replica.due(1);
    const ticking = due.tick();
    await settle();
    await Promise.all([due.stop(), ticking]);
    door.open();
    await replica.rotator.idle();
    await due.tick();
    expect(world.server.ledger).toHaveLength(1);
  });

  it('two replicas share the work', async () => {
    await addConnections(20);
    const other = world.replica('replica-2');
    await Promise.all([replica.due(3).tick(), other.due(3).tick()]);
    await Promise.all([replica.rotator.idle(), other.rotator.idle()]);
    expect(world.server.ledger).toHaveLength(20);
    expect(world.server.reuses).toEqual([]);
    expect(Math.min(replica.endpoint.requests.length, other.endpoint.requests.length)).toBeGreaterThan(0);
  });
});

describe('P4: what dead replicas left', () => {
  it('is taken over once its time is up, and told of', async () => {
    await world.addConnection();
    await world.addAccessToken('uid-1', 3_600_000);
    await replica.claim();
    const other = world.replica('replica-2');
    await other.due().tick();
    expect(world.events.ofType('attempt.taken_over')).toEqual([]);
    world.clock.advance(60_001);
    await other.due().tick();
    expect(world.events.ofType('attempt.taken_over')).toEqual([
      {
        type: 'attempt.taken_over',
        connection: 'clients/c/connections/u1',
        replica: 'replica-1',
      },
    ]);
    expect(world.connection()).toMatchObject({ state: 'IN_DOUBT', lastError: { code: 'replica_gone' } });
    expect(world.server.ledger).toEqual([]);
  });

  it('costs nothing for client credentials: they are tried again', async () => {
    await world.addConnection({ uid: 'service', grantType: 'client_credentials' });
    await replica.claim('service');
    world.clock.advance(60_001);
    await world.replica('replica-2').due().tick();
    expect(world.connection('service')).toMatchObject({ state: 'ACTIVE', failureCount: 1 });
    expect(world.connection('service').attempt).toBeUndefined();
  });

  it('P1: a probe that was left is not repeated', async () => {
    await world.addConnection({ state: 'IN_DOUBT' });
    await replica.claim();
    world.clock.advance(60_001);
    await world.replica('replica-2').due().tick();
    expect(world.connection()).toMatchObject({
      state: 'REAUTHORIZATION_REQUIRED',
      lastError: { code: 'in_doubt_unresolved' },
    });
  });
});

describe('while the database is away', () => {
  it('the scheduler says so once, says once that it is back, and goes on', async () => {
    await addConnections(1);
    const due = replica.due();
    world.database.goAway();
    for (let i = 0; i < 3; i += 1) await due.tick();
    expect(world.events.ofType('database.away')).toHaveLength(1);
    world.database.comeBack();
    for (let i = 0; i < 3; i += 1) await due.tick();
    await replica.rotator.idle();
    expect(world.events.ofType('database.back')).toHaveLength(1);
    expect(world.connection('uid-0').generation).toBe(2);
  });

  it('a fault is told of, and the next tick is a new chance', async () => {
    await addConnections(1);
    world.database.plan('takeOver', 'fault');
    world.database.plan('claimDue', 'fault');
    const due = replica.due();
    for (let i = 0; i < 3; i += 1) await due.tick();
    await replica.rotator.idle();
    expect(world.events.ofType('fault').map(({ during }) => during)).toEqual(['scheduler', 'scheduler']);
    expect(world.connection('uid-0').generation).toBe(2);
  });

  it('a fault of one rotation stops neither the others nor the scheduler', async () => {
    await addConnections(3);
    world.database.plan('hold', 'fault');
    await replica.due(1).tick();
    await replica.rotator.idle();
    expect(world.events.ofType('rotation.failed')).toMatchObject([{ outcome: 'fault', trigger: 'schedule' }]);
    expect(world.events.ofType('rotation.succeeded')).toHaveLength(2);
  });
});
