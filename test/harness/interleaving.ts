import fc from 'fast-check';
import {
  FakeReplica,
  FakeWorld,
  settle,
  timersRun,
  type Operation,
  type ServerStep,
  type Trouble,
} from './fakes/index.js';

/** The connections of each history. */
export const UIDS = ['uid-1', 'uid-2'];
const STEPS: ServerStep[] = [
  'grant',
  'grant',
  'grant, same refresh token',
  'final',
  'refused',
  'not sent',
  'consumed, answer lost',
  'request lost',
  'consumed, 500',
];
const STORE_OPERATIONS: Operation[] = [
  'dueClients',
  'claimDue',
  'claimOne',
  'hold',
  'heldSave',
  'save',
  'takeOver',
  'freeze',
  'thaw',
  'proveCanary',
  'find',
];
const TROUBLES: Trouble[] = ['away', 'answer lost', 'fault'];

/** What happens next, to one of the replicas or to all of them. */
export type Deed =
  | { readonly do: 'tick' | 'read'; readonly replica: number; readonly uid: string }
  | { readonly do: 'crash' | 'rebirth'; readonly replica: number }
  | { readonly do: 'time'; readonly ms: number }
  | {
      readonly do: 'outage' | 'recovery' | 'cut sessions' | 'backup' | 'failover' | 'freeze' | 'thaw';
    };

const work = fc.record({
  do: fc.constantFrom('tick' as const, 'read' as const),
  replica: fc.nat(2),
  uid: fc.constantFrom(...UIDS),
});
const time = fc.record({
  do: fc.constant('time' as const),
  ms: fc.constantFrom(400, 30_000, 61_000, 3_600_000),
});
const death = fc.record({
  do: fc.constantFrom('crash' as const, 'rebirth' as const),
  replica: fc.nat(2),
});
const outage = fc.record({
  do: fc.constantFrom('outage' as const, 'recovery' as const, 'cut sessions' as const),
});
const brake = fc.record({ do: fc.constantFrom('freeze' as const, 'thaw' as const, 'thaw' as const) });
const failover = fc.record({ do: fc.constantFrom('backup' as const, 'failover' as const) });

/** A bit of everything. */
const mixed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 6, arbitrary: work },
  { weight: 3, arbitrary: time },
  { weight: 1, arbitrary: death },
  { weight: 1, arbitrary: outage },
  { weight: 1, arbitrary: brake },
  { weight: 1, arbitrary: failover },
);

/** Failovers in the middle of rotations, one after the other. */
const failovers: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 5, arbitrary: work },
  { weight: 4, arbitrary: failover },
  { weight: 1, arbitrary: death },
  { weight: 1, arbitrary: time },
);

const trouble = fc.record({
  operation: fc.constantFrom(...STORE_OPERATIONS),
  trouble: fc.constantFrom(...TROUBLES),
});

/** What happens, what the server does about it, and what goes wrong with the database. */
export const history = fc.record({
  deeds: fc.oneof(
    fc.array(mixed, { minLength: 3, maxLength: 25 }),
    fc.array(failovers, { minLength: 3, maxLength: 25 }),
  ),
  steps: fc.array(fc.constantFrom(...STEPS), { maxLength: 15 }),
  troubles: fc.array(trouble, { maxLength: 8 }),
  // Two connections are few: here one or two denials can be a storm.
  client: fc.record({ maxConcurrent: fc.constantFrom(1, 2, 1_000), leastDenials: fc.constantFrom(1, 2, 5) }),
});

/** One replica from life to life: its spool stays. */
interface Seat {
  readonly name: string;
  replica: FakeReplica;
  /** `dead`: gone, its spool is on its disk. `joining`: it replays that. */
  is: 'alive' | 'dead' | 'joining';
  /** What its present life has under way. */
  running: Array<Promise<unknown>>;
  /** Whether it has replayed its spool since the last failover. */
  redone: boolean;
}

/** Three replicas that share everything, whose every step waits for the scheduler, and that die and come back. */
export class Interleaving {
  readonly world = new FakeWorld();
  /** How many crashes and failovers there were. */
  readonly happened = { crashes: 0, failovers: 0 };
  private readonly seats: Seat[];
  private readonly steps: ServerStep[];
  private backup: ReturnType<FakeWorld['database']['snapshot']> | undefined;

  constructor(
    private readonly scheduler: fc.Scheduler,
    steps: readonly ServerStep[],
    troubles: ReadonlyArray<{ operation: Operation; trouble: Trouble }>,
    { maxConcurrent, leastDenials }: { readonly maxConcurrent: number; readonly leastDenials: number },
  ) {
    this.world.stormLimits = { denials: leastDenials, latest: 10, windowMs: 60_000 };
    this.world.database.patchClient('c', (client) => ({ ...client, maxConcurrent }));
    this.steps = [...steps];
    this.seats = ['r1', 'r2', 'r3'].map((name) => ({
      name,
      replica: this.paced(this.world.replica(name)),
      is: 'alive',
      running: [],
      redone: true,
    }));
    const { database } = this.world;
    database.pace = async (operation) => {
      await scheduler.schedule(Promise.resolve(), operation);
    };
    database.mayClaim = () => this.seats.every(({ redone }) => redone);
    for (const { operation, trouble: what } of troubles) database.plan(operation, what);
  }

  private paced(replica: FakeReplica): FakeReplica {
    replica.endpoint.pace = async (point) => {
      if (point === 'to the server') replica.endpoint.plan(this.steps.shift() ?? 'grant');
      await this.scheduler.schedule(Promise.resolve(), point);
      // Nothing goes on in a process that is gone.
      if (!this.seats.some((seat) => seat.replica === replica)) await new Promise(() => undefined);
    };
    return replica;
  }

  async happens(deeds: readonly Deed[]): Promise<void> {
    for (const next of deeds) {
      this.begin(next);
      // Some of what is under way goes on, in whatever order the scheduler picks.
      if (this.scheduler.count() > 0) await this.scheduler.waitNext(1);
      await settle();
      this.expectNothingLost();
    }
  }

  /** Everything under way comes to its end, with the database there; then what dead replicas left is seen to. */
  async calmDown(): Promise<void> {
    this.steps.length = 0;
    this.world.database.forgetPlans();
    this.world.database.comeBack();
    for (const seat of this.seats) if (seat.is === 'dead') this.rebirth(seat);
    await this.untilAllIsDone();
    // Past every deadline; then past every access token: what a late answer brought is tried out. A freeze is
    // ended each time: a canary that is denied brings the next one.
    for (const ms of [61_000, 3_600_000, 3_600_000, 3_600_000, 3_600_000]) {
      this.world.clock.advance(ms);
      this.run(this.seats[0]!, (replica) => replica.freezes.thaw('c', false));
      await this.untilAllIsDone();
      this.run(this.seats[0]!, (replica) => replica.due().tick());
      await this.untilAllIsDone();
    }
  }

  /** How often the storm brake has tripped. */
  get freezes(): number {
    return this.world.events.ofType('client.frozen').length;
  }

  /** The connections whose refresh token the server would not take, although they say nothing of the kind. */
  get deadWithoutSayingSo(): string[] {
    const { server, sealer } = this.world;
    return UIDS.filter((uid) => {
      const { state, refreshToken } = this.world.connection(uid);
      return state === 'ACTIVE' && !server.isGood(sealer.peek(refreshToken!));
    });
  }

  /**
   * Promise P4: a refresh token is live, on its way, or accounted for. Where the probe of a doubt has ended the
   * lineage, a late answer makes its connection active again until the next rotation finds out.
   */
  expectNothingLost(): void {
    // After a failover a generation may be in a spool only: nobody claims before it is replayed.
    if (!this.world.database.mayClaim()) return;
    const { server, sealer } = this.world;
    for (const uid of UIDS) {
      const { state, attempt, refreshToken } = this.world.connection(uid);
      const accounted = state === 'IN_DOUBT' || state === 'REAUTHORIZATION_REQUIRED' || attempt !== undefined;
      const token = sealer.peek(refreshToken!);
      const ok = accounted || server.isGood(token) || server.hasEnded(token);
      expect({ uid, state, ok }).toEqual({ uid, state, ok: true });
    }
  }

  private async untilAllIsDone(): Promise<void> {
    let over = false;
    const all = this.seats.flatMap(({ running }) => running);
    void Promise.allSettled(all).then(() => (over = true));
    for (let turn = 0; !over || this.pendingSaves > 0 || this.scheduler.count() > 0; turn += 1) {
      if (turn > 2_000) throw new Error('it does not come to an end');
      if (this.scheduler.count() > 0) await this.scheduler.waitNext(1);
      else {
        this.world.clock.advance(500);
        await timersRun(500);
      }
      await settle();
    }
  }

  get pendingSaves(): number {
    return this.seats.reduce((sum, { replica }) => sum + replica.pending.size, 0);
  }

  private begin(next: Deed): void {
    const { database, clock } = this.world;
    switch (next.do) {
      case 'time':
        clock.advance(next.ms);
        return;
      case 'outage':
        database.goAway();
        return;
      case 'recovery':
        database.comeBack();
        return;
      case 'cut sessions':
        database.cutSessions();
        return;
      case 'backup':
        this.backup = database.snapshot();
        return;
      case 'freeze':
        this.run(this.seats[0]!, ({ freezes }) => freezes.freeze('c', { reason: 'scripted', by: 'a test' }));
        return;
      case 'thaw':
        this.run(this.seats[0]!, ({ freezes }) => freezes.thaw('c', false));
        return;
      case 'failover':
        this.failover();
        return;
      case 'crash':
        this.crash(this.seats[next.replica]!);
        return;
      case 'rebirth':
        this.rebirth(this.seats[next.replica]!);
        return;
      case 'tick':
        this.run(this.seats[next.replica]!, (replica) => replica.due(2).tick());
        return;
      case 'read': {
        const deadline = clock.monotonic() + 30_000;
        this.run(this.seats[next.replica]!, ({ demand }) =>
          demand.rotate(
            next.uid,
            { scopes: [], resource: '', key: '' },
            'demand',
            () => deadline,
            async () => undefined,
          ),
        );
      }
    }
  }

  private run(seat: Seat, work: (replica: FakeReplica) => Promise<unknown>): void {
    if (seat.is !== 'alive') return;
    const running = work(seat.replica);
    // A database that is away is part of the story.
    running.catch(() => undefined);
    seat.running.push(running);
  }

  /** kill -9: memory, sessions and whatever was on its way are gone; the spool is not. */
  private crash(seat: Seat): void {
    if (seat.is !== 'alive') return;
    this.happened.crashes += 1;
    seat.replica.store.die();
    seat.replica = this.paced(new FakeReplica(this.world, seat.name, 1_000, seat.replica.spool));
    seat.is = 'dead';
    seat.running = [];
  }

  private rebirth(seat: Seat): void {
    if (seat.is !== 'dead') return;
    seat.is = 'joining';
    // A database that is away, or a word that is lost, does not end the try: the process is started again.
    const join = async (): Promise<void> => {
      for (;;) {
        try {
          await seat.replica.replay.run();
          seat.redone = true;
          seat.is = 'alive';
          return;
        } catch {
          await settle();
        }
      }
    };
    seat.running.push(join());
  }

  /** A standby takes over that lacks what was committed since the backup: everybody replays its spool. */
  private failover(): void {
    if (!this.backup) return;
    this.happened.failovers += 1;
    this.world.database.putBack(this.backup);
    this.backup = undefined;
    for (const seat of this.seats) {
      seat.redone = false;
      if (seat.is !== 'alive') continue;
      const { replica } = seat;
      const redo = async (): Promise<void> => {
        while (seat.replica === replica) {
          try {
            await replica.replay.redo();
            if (seat.replica === replica) seat.redone = true;
            this.world.clock.advance(1);
            return;
          } catch {
            await settle();
          }
        }
      };
      seat.running.push(this.scheduler.schedule(Promise.resolve(), 'redo').then(redo));
    }
  }
}

/** The state in which a connection's refresh token reaches the server; it has to be by an attempt in its time. */
export function stateWhileSent(world: FakeWorld, uid: string): string {
  const { state, attempt } = world.connection(uid);
  if (!world.database.mayClaim()) return 'FAILOVER';
  return attempt && attempt.deadlineAt > world.clock.now() ? state : 'NO ATTEMPT';
}

/** The refresh tokens that reached the server more than once without being the one probe of a doubt. */
export function sentTwice({ server }: FakeWorld): string[] {
  const times = new Map<string, number>();
  return server.ledger.flatMap(({ lineage, number, step, seen }) => {
    const key = `${lineage}/${number}`;
    if (seen === 'NO ATTEMPT') return [`${key} was sent without an attempt`];
    // A server that turned it down unseen, or let it stand, has not been shown the same generation twice.
    if (step === 'refused' || step === 'grant, same refresh token') return [];
    const time = (times.get(key) ?? 0) + 1;
    times.set(key, time);
    return time === 1 || (time === 2 && seen === 'IN_DOUBT') ? [] : [`${key} was sent for the ${time}. time`];
  });
}
