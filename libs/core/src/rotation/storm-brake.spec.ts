import {
  FakeWorld,
  settle,
  timersRun,
  withFakeTimers,
  type FakeReplica,
} from '../../../../test/harness/fakes/index.js';
import type { LastError } from '../connection/connection.js';
import { DEFAULT_VARIANT } from '../connection/variant.js';

withFakeTimers();
let world: FakeWorld;
let replica: FakeReplica;

beforeEach(async () => {
  world = new FakeWorld();
  replica = world.replica();
  for (let i = 0; i < 12; i += 1) {
    await world.addConnection({ uid: `uid-${i}` });
    await world.addAccessToken(`uid-${i}`, 3_600_000);
  }
});

const states = (from = 0, to = 12): string[] =>
  Array.from({ length: to - from }, (_, i) => world.connection(`uid-${from + i}`).state);
const deny = async (uid: string, by = replica): Promise<string> => {
  by.endpoint.plan('final');
  return (await by.rotate(uid)).kind;
};
const isFrozen = (): boolean => world.database.client('c').freeze !== undefined;
const thaw = async (): Promise<void> => void (await replica.freezes.thaw('c', false));

describe('P11: when many connections are denied at once', () => {
  it('the OAuth client is frozen, nothing is given up, and the operator is called', async () => {
    const kinds: string[] = [];
    for (let i = 0; i < 5; i += 1) kinds.push(await deny(`uid-${i}`));
    expect(kinds).toEqual(['denied', 'denied', 'denied', 'denied', 'doubted']);
    expect(states(0, 5)).toEqual(Array.from({ length: 5 }, () => 'IN_DOUBT'));
    expect(world.database.client('c').freeze).toMatchObject({
      by: 'replicas/replica-1',
      reason: '5 of the latest 5 rotations were denied within 60 s (invalid_grant).',
    });
    expect(world.events.ofType('client.frozen')).toMatchObject([{ client: 'clients/c', reconsidered: 4 }]);
    for (let i = 0; i < 5; i += 1) {
      expect(world.connection(`uid-${i}`)).toMatchObject({
        lastError: { code: 'denied_in_storm', description: expect.stringContaining('invalid_grant') },
      });
    }
  });

  it('what is under way then is in doubt as well, on every replica', async () => {
    const other = world.replica('replica-2');
    const doors: Array<() => void> = [];
    other.endpoint.pace = (point) =>
      point === 'from the server' ? new Promise((resolve) => doors.push(resolve)) : Promise.resolve();
    other.endpoint.plan('final', 'final');
    const late = ['uid-10', 'uid-11'].map((uid) => other.rotate(uid));
    await settle();
    for (let i = 0; i < 5; i += 1) await deny(`uid-${i}`);
    for (const letOut of doors) letOut();
    for (const outcome of await Promise.all(late)) {
      expect(outcome).toMatchObject({ kind: 'doubted', failure: { code: 'invalid_grant' } });
    }
    expect(states(10, 12)).toEqual(['IN_DOUBT', 'IN_DOUBT']);
  });

  it('what was claimed and not yet sent is not sent', async () => {
    const other = world.replica('replica-2');
    const claim = await other.claim('uid-10');
    for (let i = 0; i < 5; i += 1) await deny(`uid-${i}`);
    expect(await other.spender.spend(claim, DEFAULT_VARIANT)).toMatchObject({ kind: 'superseded' });
    expect(world.server.ledger).toHaveLength(5);
    expect(world.connection('uid-10')).toMatchObject({ state: 'ACTIVE' });
    expect(world.connection('uid-10').attempt).toBeUndefined();
  });

  it('nobody can spend anything: not the scheduler, not a read, not an operator', async () => {
    for (let i = 0; i < 5; i += 1) await deny(`uid-${i}`);
    const sent = world.server.ledger.length;
    world.clock.advance(3_600_000);
    await replica.due().tick();
    for (const trigger of ['demand', 'operator'] as const) {
      const asked = replica.demand.rotate(
        'uid-9',
        DEFAULT_VARIANT,
        trigger,
        () => Infinity,
        async () => undefined,
      );
      expect(await asked).toMatchObject({
        refusal: { reason: 'CLIENT_FROZEN', message: expect.stringContaining('5 of the latest 5') },
      });
    }
    expect(world.server.ledger).toHaveLength(sent);
  });

  it('a replica that has not heard of the freeze is refused by the claim itself', async () => {
    await replica.freezes.freeze('c', { reason: 'scripted', by: 'workloads/admin' });
    const { demand, gates } = replica;
    Object.assign(gates, { freezeOf: () => undefined });
    const asked = demand.rotate(
      'uid-9',
      DEFAULT_VARIANT,
      'demand',
      () => Infinity,
      async () => undefined,
    );
    expect(await asked).toMatchObject({ refusal: { reason: 'CLIENT_FROZEN' } });
    expect(world.server.ledger).toEqual([]);
  });

  it.each([
    ['four denials', ['d', 'd', 'd', 'd']],
    ['five among more that are granted', ['d', 'g', 'd', 'g', 'd', 'g', 'd', 'g', 'g', 'g', 'd']],
    ['five that are a minute apart', ['d', 'd', 'd', 'd', 'wait', 'd']],
  ])('%s are no storm', async (_what, deeds) => {
    let next = 0;
    for (const deed of deeds) {
      if (deed === 'wait') world.clock.advance(61_000);
      else if (deed === 'd') expect(await deny(`uid-${next++}`)).toBe('denied');
      else expect((await replica.rotate(`uid-${next++}`)).kind).toBe('rotated');
    }
    expect(isFrozen()).toBe(false);
  });

  it('a fleet that went well until now does not outweigh what begins', async () => {
    for (let i = 0; i < 100; i += 1) replica.brake.granted('c');
    for (let i = 0; i < 5; i += 1) await deny(`uid-${i}`);
    expect(isFrozen()).toBe(true);
  });

  it('denials for different reasons are different things', async () => {
    const { brake } = replica;
    const error = (code: string): LastError => ({ code, description: '', at: 0 });
    for (let i = 0; i < 4; i += 1)
      await brake.denied(world.connection('uid-0'), error('invalid_grant'), undefined);
    for (let i = 0; i < 4; i += 1) await brake.denied(world.connection('uid-0'), error('other'), undefined);
    expect(isFrozen()).toBe(false);
  });

  it('P7: probes count as well, and end all the same: they are not sent for the third time', async () => {
    for (let i = 0; i < 4; i += 1) await deny(`uid-${i}`);
    world.database.patch('uid-4', { state: 'IN_DOUBT' });
    expect(await deny('uid-4')).toBe('denied');
    expect(isFrozen()).toBe(true);
    expect(states(0, 5)).toEqual([
      ...Array.from({ length: 4 }, () => 'IN_DOUBT'),
      'REAUTHORIZATION_REQUIRED',
    ]);
  });

  it('a freeze that cannot be stored now is stored as soon as the database is back', async () => {
    for (let i = 0; i < 4; i += 1) await deny(`uid-${i}`);
    world.database.plan('freeze', 'away', 'away');
    expect(await deny('uid-4')).toBe('denied');
    expect(isFrozen()).toBe(false);
    await timersRun(1_000);
    expect(isFrozen()).toBe(false);
    await timersRun(1_000);
    await settle();
    expect(isFrozen()).toBe(true);
    expect(states(0, 5)).toEqual(Array.from({ length: 5 }, () => 'IN_DOUBT'));
  });
});

describe('P11: after the thaw', () => {
  beforeEach(async () => {
    for (let i = 0; i < 5; i += 1) await deny(`uid-${i}`);
    await thaw();
    world.clock.advance(3_590_000);
  });

  it('one rotation goes first; where it is granted, the others follow, and each doubt gets its one probe', async () => {
    await replica.due().tick();
    await replica.rotator.idle();
    await settle();
    await timersRun(1_000);
    await replica.due().tick();
    await replica.rotator.idle();
    expect(world.events.ofType('canary.proved')).toMatchObject([{ client: 'clients/c', canary: 'thawed' }]);
    expect(states()).toEqual(Array.from({ length: 12 }, () => 'ACTIVE'));
    expect(world.server.reuses).toEqual([]);
  });

  it('where it is denied, the OAuth client is frozen again at once, and one connection is what it costs', async () => {
    const sent = world.server.ledger.length;
    replica.endpoint.plan(...Array.from({ length: 12 }, () => 'final' as const));
    await replica.due().tick();
    await replica.rotator.idle();
    expect(world.server.ledger).toHaveLength(sent + 1);
    expect(isFrozen()).toBe(true);
    expect(world.events.ofType('client.frozen').at(-1)).toMatchObject({
      reason: 'The first rotation after the thaw was denied (invalid_grant).',
    });
    expect(states().filter((state) => state === 'REAUTHORIZATION_REQUIRED')).toEqual([]);
  });
});

describe('P7: where an operator says that the denials were right', () => {
  it('nothing has to be proved, and denials are final for a while, however many come', async () => {
    for (let i = 0; i < 5; i += 1) await deny(`uid-${i}`);
    await replica.freezes.thaw('c', true);
    world.clock.advance(3_590_000);
    replica.endpoint.plan(...Array.from({ length: 12 }, () => 'final' as const));
    await replica.due().tick();
    await replica.rotator.idle();
    expect(isFrozen()).toBe(false);
    expect(states()).toEqual(Array.from({ length: 12 }, () => 'REAUTHORIZATION_REQUIRED'));
  });
});

describe('P11: a changed OAuth client', () => {
  beforeEach(() => world.database.patchClient('c', (client) => ({ ...client, canary: 'changed' })));

  it('has one rotation under way until the server has accepted it', async () => {
    const doors: Array<() => void> = [];
    replica.endpoint.pace = (point) =>
      point === 'to the server' ? new Promise((resolve) => doors.push(resolve)) : Promise.resolve();
    void replica.due().tick();
    await settle();
    expect(doors).toHaveLength(1);
    doors.shift()?.();
    await settle();
    await timersRun(1_000);
    await settle();
    expect(doors.length).toBeGreaterThan(1);
    expect(world.database.client('c').canary).toBeUndefined();
  });

  it('is accepted by a final word as well: the server authenticates the client first', async () => {
    await deny('uid-0');
    await replica.rotator.rotate(await replica.claim('uid-1'), DEFAULT_VARIANT, 'schedule');
    expect(world.database.client('c').canary).toBeUndefined();
    world.database.patchClient('c', (client) => ({ ...client, canary: 'changed' }));
    replica.endpoint.plan('final');
    await replica.rotator.rotate(await replica.claim('uid-2'), DEFAULT_VARIANT, 'schedule');
    expect(world.database.client('c').canary).toBeUndefined();
  });

  it('that is refused keeps the rest of the fleet waiting: one is tried, and the breaker has its reason', async () => {
    replica.endpoint.plan(...Array.from({ length: 12 }, () => 'refused' as const));
    await replica.due().tick();
    await replica.rotator.idle();
    expect(world.events.ofType('rotation.failed')).toHaveLength(1);
    expect(replica.breakers.view('c')).toMatchObject({ state: 'open', cause: { code: 'too_many_requests' } });
    await replica.due().tick();
    expect(world.events.ofType('rotation.failed')).toHaveLength(1);
    expect(world.database.client('c').canary).toBe('changed');
  });
});
