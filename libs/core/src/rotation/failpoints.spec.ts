import { FakeWorld, type FakeReplica } from '../../../../test/harness/fakes/index.js';
import { MOMENTS, type Failpoints, type Moment } from './failpoints.js';
import { RotationFinisher } from './finish-rotation.js';
import { SpoolReplay } from './replay-spool.js';
import { Spender } from './spend-refresh-token.js';

/** What failpoints see of a replica's rotations. */
class Seen implements Failpoints {
  readonly moments: Moment[] = [];
  /** What is there at each moment: presentations, and the generation in the row. */
  readonly facts = new Map<Moment, string>();

  constructor(private readonly world: FakeWorld) {}

  async reached(moment: Moment): Promise<void> {
    this.moments.push(moment);
    const { generation, attempt } = this.world.connection();
    const sent = this.world.server.ledger.length;
    this.facts.set(moment, `sent ${sent}, at ${generation}${attempt ? ', attempted' : ''}`);
  }
}

let world: FakeWorld;
let replica: FakeReplica;
let seen: Seen;
let spender: Spender;
let finisher: RotationFinisher;

beforeEach(async () => {
  world = new FakeWorld();
  replica = world.replica();
  await world.addConnection();
  seen = new Seen(world);
  const { sealer, clock, timings, clients } = world;
  const { pending, spool, store, endpoint, profiles, brake, redoMark } = replica;
  const failpoints = seen;
  finisher = new RotationFinisher({
    sealer,
    pending,
    spool,
    brake,
    clock,
    random: () => 0.5,
    profiles,
    failpoints,
  });
  spender = new Spender({
    store,
    clients: { client: async (id) => clients.get(id) },
    endpoint,
    sealer,
    spool,
    finisher,
    clock,
    redoMark,
    timings,
    failpoints,
  });
});

describe('the moments of a rotation', () => {
  it('come in the order of the protocol', async () => {
    await spender.spend(await replica.claim());
    expect(seen.moments).toEqual(
      MOMENTS.filter((moment) => !['replaying', 'replayed', 'taken_over'].includes(moment)),
    );
  });

  it('are where their names say', async () => {
    await spender.spend(await replica.claim());
    expect(Object.fromEntries(seen.facts)).toMatchObject({
      claimed: 'sent 0, at 1, attempted',
      requesting: 'sent 0, at 1, attempted',
      answered: 'sent 1, at 1, attempted',
      saving: 'sent 1, at 1, attempted',
      saved: 'sent 1, at 2',
    });
  });

  it('are journaled before and after, never around: a crash at "journaling" leaves nothing in the spool', async () => {
    const stuck: Failpoints = {
      reached: (moment) => (moment === 'journaling' ? new Promise<never>(() => undefined) : undefined),
    };
    const { sealer, clock, timings, clients } = world;
    const { store, endpoint, spool, redoMark } = replica;
    const other = new Spender({
      store,
      clients: { client: async (id) => clients.get(id) },
      endpoint,
      sealer,
      spool,
      finisher,
      clock,
      redoMark,
      timings,
      failpoints: stuck,
    });
    void other.spend(await replica.claim());
    await new Promise((resolve) => setImmediate(resolve));
    expect(spool.attempts()).toEqual([]);
    expect(world.server.ledger).toEqual([]);
  });

  it('surround what a replay does', async () => {
    await replica.claim();
    await new SpoolReplay({
      spool: replica.spool,
      store: replica.store,
      clients: { client: async (id) => world.clients.get(id) },
      endpoint: replica.endpoint,
      finisher,
      pending: replica.pending,
      sealer: world.sealer,
      events: world.events,
      clock: world.clock,
      redoMark: replica.redoMark,
      failpoints: seen,
    }).run();
    expect(seen.moments).toEqual(['replaying', 'saving', 'saved', 'replayed']);
  });
});
