import { CollectedEvents, FakeFleetStore, FakeSpool } from '../../../../test/harness/fakes/index.js';
import { Membership } from './membership.js';

/** One replica's membership, on a fake fleet. */
class Member {
  readonly done: string[] = [];
  /** Attempts whose rows are behind them until another replica has replayed its spool. */
  ahead = 0;
  readonly events = new CollectedEvents();
  readonly membership: Membership;

  constructor(
    readonly fleet: FakeFleetStore,
    readonly name: string,
    readonly spool = new FakeSpool(`spool-${name}`),
    life = 1,
  ) {
    const replay = {
      run: async () => {
        this.done.push('replay');
        return this.ahead === 0;
      },
      redo: async () => {
        this.done.push('redo');
        return this.ahead === 0;
      },
    };
    const me = { name, spoolId: spool.id, bootId: `boot-${name}-${life}` };
    this.membership = new Membership({ me, store: fleet, spool, replay, events: this.events });
  }

  get code(): string | undefined {
    return this.membership.objection?.code;
  }
}

describe('a replica as one of the fleet', () => {
  let fleet: FakeFleetStore;
  let first: Member;

  beforeEach(async () => {
    fleet = new FakeFleetStore();
    first = new Member(fleet, 'a');
    expect(first.code).toBe('starting');
    await first.membership.join();
  });

  it('the first one is admitted, and has replayed its spool before it may spend', async () => {
    expect(first.done).toEqual(['replay']);
    expect(first.code).toBeUndefined();
    expect(first.spool.known).toMatchObject({ timeline: 1, thaws: 0 });
    expect(first.events.ofType('spending.resumed')).toHaveLength(1);
  });

  it('a new one waits until a live one has beaten while it looked', async () => {
    const second = new Member(fleet, 'b');
    await second.membership.join();
    await second.membership.beat();
    expect(second.code).toBe('not_admitted');
    expect(second.membership.refusal).toMatchObject({ reason: 'SPENDING_STOPPED' });
    await first.membership.beat();
    await second.membership.beat();
    expect(second.code).toBeUndefined();
    expect(fleet.find('spool-b')).toMatchObject({ admittedBy: 'a' });
  });

  it('P1: a copy in another environment admits nobody: the rows of its replicas do not beat', async () => {
    const stranger = new Member(fleet, 'staging');
    await stranger.membership.join();
    for (let i = 0; i < 5; i += 1) await stranger.membership.beat();
    expect(stranger.code).toBe('not_admitted');
    const another = new Member(fleet, 'staging-2');
    await another.membership.join();
    for (let i = 0; i < 5; i += 1) {
      await stranger.membership.beat();
      await another.membership.beat();
    }
    expect([stranger.code, another.code]).toEqual(['not_admitted', 'not_admitted']);
    await fleet.admit('spool-staging', 'workloads/admin');
    await stranger.membership.beat();
    expect(stranger.code).toBeUndefined();
  });

  it('a new one is admitted at once where nothing has been spent yet', async () => {
    fleet.holdsTokens = false;
    const second = new Member(fleet, 'b');
    await second.membership.join();
    expect(second.code).toBeUndefined();
  });

  it('P1: a restored backup stops everybody, before anything is claimed, until an operator says so', async () => {
    const second = new Member(fleet, 'b');
    await second.membership.join();
    await first.membership.beat();
    await second.membership.beat();
    const backup = structuredClone({ replicas: fleet.replicas, database: fleet.database });
    for (let i = 0; i < 5; i += 1) await first.membership.beat();
    await first.spool.sent({ ...SENDING, attemptNumber: 40 });
    Object.assign(fleet, backup);

    const reborn = new Member(fleet, 'a', first.spool, 2);
    await reborn.membership.join();
    expect(reborn.code).toBe('frozen');
    await second.membership.beat();
    expect(second.code).toBe('frozen');
    expect(second.membership.objection?.description).toContain('DATABASE_WENT_BACK');
    await reborn.membership.beat();
    expect(reborn.code).toBe('frozen');

    await fleet.thaw('workloads/admin', 'OUTDATED');
    await reborn.membership.beat();
    await second.membership.beat();
    expect([reborn.code, second.code]).toEqual([undefined, undefined]);
    expect(fleet.database.attemptNumber).toBeGreaterThan(40);
    for (let i = 0; i < 3; i += 1) await reborn.membership.beat();
    expect(reborn.code).toBeUndefined();
  });

  it('P10: an attempt that is journaled while the database is asked is no sign that it went back', async () => {
    const { view } = fleet;
    fleet.view = async () => {
      const seen = await view.call(fleet);
      await first.spool.sent({ ...SENDING, attemptNumber: seen.attemptNumber + 1 });
      fleet.database.attemptNumber = seen.attemptNumber + 1;
      return seen;
    };
    for (let i = 0; i < 3; i += 1) await first.membership.beat();
    expect(first.code).toBeUndefined();
    expect(first.spool.known.attemptNumber).toBeGreaterThan(3);
  });

  it('P1: nobody spends after a failover before everybody has replayed what it had settled', async () => {
    const second = new Member(fleet, 'b');
    await second.membership.join();
    await first.membership.beat();
    await second.membership.beat();
    fleet.database.timeline = 2;
    await first.membership.beat();
    expect(first.done).toEqual(['replay', 'redo']);
    expect(first.code).toBe('awaiting_redo');
    expect(first.membership.objection?.description).toContain('b has not replayed');
    expect(first.membership.refusal).toBeUndefined();
    await second.membership.beat();
    await first.membership.beat();
    expect([first.code, second.code]).toEqual([undefined, undefined]);
    expect(first.done).toEqual(['replay', 'redo']);
  });

  it('P6: a failover that lost heartbeats and attempts is no old backup, once it has been replayed onto', async () => {
    const second = new Member(fleet, 'b');
    await second.membership.join();
    await first.membership.beat();
    await second.membership.beat();
    const standby = structuredClone({ replicas: fleet.replicas, database: fleet.database });
    for (let i = 0; i < 5; i += 1) for (const one of [first, second]) await one.membership.beat();
    await first.spool.sent({ ...SENDING, attemptNumber: 40 });
    Object.assign(fleet, standby);
    fleet.database.timeline = 2;

    for (let i = 0; i < 3; i += 1) for (const one of [first, second]) await one.membership.beat();
    expect([first.code, second.code]).toEqual([undefined, undefined]);
    expect([first.done, second.done]).toEqual([
      ['replay', 'redo'],
      ['replay', 'redo'],
    ]);
    expect(fleet.database.attemptNumber).toBeGreaterThanOrEqual(40);
  });

  it('P1: one whose attempts are ahead of their rows replays again after the others, before anybody spends', async () => {
    const second = new Member(fleet, 'b');
    await second.membership.join();
    await first.membership.beat();
    await second.membership.beat();
    fleet.database.timeline = 2;
    first.ahead = 1;
    for (let i = 0; i < 2; i += 1) for (const one of [first, second]) await one.membership.beat();
    expect([first.code, second.code]).toEqual(['awaiting_redo', 'awaiting_redo']);
    first.ahead = 0;
    for (const one of [first, second]) await one.membership.beat();
    expect([first.code, second.code]).toEqual([undefined, undefined]);
    expect([first.done.length, second.done.length]).toEqual([4, 2]);
  });

  it('P1: also one that was down during the failover, and comes back ahead of its rows', async () => {
    const second = new Member(fleet, 'b');
    await second.membership.join();
    await first.membership.beat();
    await second.membership.beat();
    fleet.database.timeline = 2;
    const reborn = new Member(fleet, 'b', second.spool, 2);
    reborn.ahead = 1;
    await reborn.membership.join();
    await first.membership.beat();
    expect([first.code, reborn.code]).toEqual(['awaiting_redo', 'awaiting_redo']);
    reborn.ahead = 0;
    for (const one of [reborn, first]) await one.membership.beat();
    expect([first.code, reborn.code]).toEqual([undefined, undefined]);
  });

  it('does not wait for a replica that drained, was declared lost, or has been away for longer than it keeps anything', async () => {
    for (const name of ['drained', 'lost', 'old']) {
      const other = new Member(fleet, name);
      await other.membership.join();
      await fleet.admit(`spool-${name}`, 'a');
      if (name === 'drained') await other.membership.leave(false);
    }
    await fleet.declareLost('spool-lost', 'workloads/admin', () => {
      throw new Error('it has no attempts');
    });
    fleet.find('spool-old')!.lastSeenAt -= 16 * 60_000;
    fleet.database.timeline = 2;
    await first.membership.beat();
    expect(first.code).toBeUndefined();
  });

  it('one that was declared lost and comes back replays first, and is one of them again', async () => {
    await fleet.declareLost('spool-a', 'workloads/admin', () => {
      throw new Error('it has no attempts');
    });
    const reborn = new Member(fleet, 'a', first.spool, 2);
    await reborn.membership.join();
    expect(reborn.done).toEqual(['replay']);
    expect(fleet.find('spool-a')).not.toHaveProperty('lostAt');
    expect(reborn.code).toBeUndefined();
  });

  it('one that leaves something in its spool is not called drained', async () => {
    await first.membership.leave(true);
    expect(fleet.find('spool-a')).not.toHaveProperty('endedAt');
  });

  it('P6: a database that is away, or read-only for now, changes nothing', async () => {
    fleet.away = true;
    await first.membership.beat();
    expect(first.code).toBeUndefined();
    fleet.away = false;
    fleet.database.timeline = -1;
    await first.membership.beat();
    expect(first.code).toBeUndefined();
  });

  it('a spool that cannot be written stops spending, says so, and goes on by itself', async () => {
    first.spool.full = true;
    expect(first.code).toBe('spool_unavailable');
    await first.membership.beat();
    expect(fleet.find('spool-a')?.trouble).toContain('ENOSPC');
    first.spool.full = false;
    await first.membership.beat();
    expect(first.code).toBeUndefined();
    expect(fleet.find('spool-a')).not.toHaveProperty('trouble');
  });
});

const SENDING = {
  attemptId: 'attempt',
  uid: 'uid-1',
  generation: 1,
  authorizationEpoch: 1,
  variant: { scopes: [], resource: '', key: '' },
  requestedAt: 0,
};
