import fc from 'fast-check';
import {
  FakeWorld,
  settle,
  timersRun,
  type FakeReplica,
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
  | { readonly do: 'time'; readonly ms: number }
  | { readonly do: 'outage' | 'recovery' | 'cut sessions' | 'freeze' | 'thaw' };

const deed = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('tick', 'read'),
      replica: fc.nat(2),
      uid: fc.constantFrom(...UIDS),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('time' as const),
      ms: fc.constantFrom(400, 30_000, 61_000, 3_600_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('outage', 'recovery', 'cut sessions', 'freeze', 'thaw', 'thaw'),
    }),
  },
) as fc.Arbitrary<Deed>;

const trouble = fc.record({
  operation: fc.constantFrom(...STORE_OPERATIONS),
  trouble: fc.constantFrom(...TROUBLES),
});

/** What happens, what the server does about it, and what goes wrong with the database. */
export const history = fc.record({
  deeds: fc.array(deed, { minLength: 3, maxLength: 25 }),
  steps: fc.array(fc.constantFrom(...STEPS), { maxLength: 15 }),
  troubles: fc.array(trouble, { maxLength: 8 }),
  // Two connections are few: here one or two denials can be a storm.
  client: fc.record({ maxConcurrent: fc.constantFrom(1, 2, 1_000), leastDenials: fc.constantFrom(1, 2, 5) }),
});

/** Three replicas that share everything, whose every step waits for the scheduler. */
export class Interleaving {
  readonly world = new FakeWorld();
  readonly replicas: FakeReplica[];
  private readonly steps: ServerStep[];
  private readonly running: Array<Promise<unknown>> = [];

  constructor(
    private readonly scheduler: fc.Scheduler,
    steps: readonly ServerStep[],
    troubles: ReadonlyArray<{ operation: Operation; trouble: Trouble }>,
    { maxConcurrent, leastDenials }: { readonly maxConcurrent: number; readonly leastDenials: number },
  ) {
    this.world.stormLimits = { denials: leastDenials, latest: 10, windowMs: 60_000 };
    this.world.database.patchClient('c', (client) => ({ ...client, maxConcurrent }));
    this.replicas = ['r1', 'r2', 'r3'].map((name) => this.world.replica(name));
    this.steps = [...steps];
    for (const replica of this.replicas) {
      replica.endpoint.pace = async (point) => {
        if (point === 'to the server') replica.endpoint.plan(this.steps.shift() ?? 'grant');
        await scheduler.schedule(Promise.resolve(), point);
      };
    }
    this.world.database.pace = async (operation) => {
      await scheduler.schedule(Promise.resolve(), operation);
    };
    for (const { operation, trouble: what } of troubles) this.world.database.plan(operation, what);
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
    await this.untilAllIsDone();
    // Past every deadline; then past every access token: what a late answer brought is tried out. A freeze is
    // ended each time: a canary that is denied brings the next one.
    for (const ms of [61_000, 3_600_000, 3_600_000, 3_600_000, 3_600_000]) {
      this.world.clock.advance(ms);
      this.running.push(this.replicas[0]!.freezes.thaw('c', false));
      await this.untilAllIsDone();
      this.running.push(this.replicas[0]!.due().tick());
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
    void Promise.allSettled(this.running).then(() => (over = true));
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
    return this.replicas.reduce((sum, replica) => sum + replica.pending.size, 0);
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
      case 'freeze':
        this.running.push(this.replicas[0]!.freezes.freeze('c', { reason: 'scripted', by: 'a test' }));
        return;
      case 'thaw':
        this.running.push(this.replicas[0]!.freezes.thaw('c', false));
        return;
      case 'tick': {
        this.running.push(this.replicas[next.replica]!.due(2).tick());
        return;
      }
      case 'read': {
        const { demand, world } = this.replicas[next.replica]!;
        const deadline = world.clock.monotonic() + 30_000;
        this.running.push(
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
}

/** The state in which a connection's refresh token reaches the server; it has to be by an attempt in its time. */
export function stateWhileSent(world: FakeWorld, uid: string): string {
  const { state, attempt } = world.connection(uid);
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
