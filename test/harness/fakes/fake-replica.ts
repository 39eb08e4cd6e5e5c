import {
  AccessPolicy,
  AccessTokenHandOut,
  Breakers,
  Canaries,
  ConnectLinks,
  DemandRotations,
  DueRotations,
  HeldTokens,
  PendingSaves,
  RedoMark,
  profilesOf,
  RotationFinisher,
  Rotator,
  Slots,
  Spender,
  SpoolReplay,
  StormBrake,
  type ChangeHints,
  type Claim,
  type ClaimRequest,
  type Refusal,
  type RotationGates,
  type RotationProfiles,
  type RotationSave,
  type SpendOutcome,
  type Variant,
} from '#libs/core';
import { FakeFreezeStore } from './fake-freeze-store.js';
import { FakeSpool } from './fake-spool.js';
import { FakeRotationStore } from './fake-rotation-store.js';
import { FakeTokenEndpoint } from './fake-token-endpoint.js';
import { FakeTokenStore } from './fake-token-store.js';
import type { FakeSurroundings } from './fake-surroundings.js';

/** Wakes whoever waits for news, when a test says so. */
export class FakeHints implements ChangeHints {
  private readonly waiting = new Set<() => void>();

  changed(_uid: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waiting.delete(wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** How many wait now. */
  get size(): number {
    return this.waiting.size;
  }

  /** Wakes all of them. */
  wakeAll(): void {
    for (const wake of this.waiting) wake();
  }
}

/** The real parts of one replica, on fakes. */
export class FakeReplica {
  readonly store: FakeRotationStore;
  readonly tokens: FakeTokenStore;
  readonly endpoint: FakeTokenEndpoint;
  /** What became of saves that had to wait. */
  readonly settled: Array<{ readonly save: RotationSave; readonly result: string }> = [];
  readonly pending: PendingSaves;
  readonly profiles: RotationProfiles;
  readonly freezes: FakeFreezeStore;
  readonly brake: StormBrake;
  readonly breakers: Breakers;
  readonly gates: RotationGates;
  readonly finisher: RotationFinisher;
  readonly redoMark = new RedoMark();
  readonly spender: Spender;
  readonly replay: SpoolReplay;
  readonly held: HeldTokens;
  readonly rotator: Rotator;
  readonly hints = new FakeHints();
  readonly demand: DemandRotations;
  readonly links: ConnectLinks;
  readonly handOut: AccessTokenHandOut;
  /** Whether it may spend. */
  readonly spending: { objection: object | undefined; refusal: Refusal | undefined } = {
    objection: undefined,
    refusal: undefined,
  };
  /** Who may what here. */
  policy = AccessPolicy.DENY_ALL;

  constructor(
    readonly world: FakeSurroundings,
    readonly name: string,
    heldCapacity = 1_000,
    /** The disk of the replica; give the one of its life before to a replica that comes back. */
    readonly spool = new FakeSpool(`spool of ${name}`),
  ) {
    const { clock, database, events, sealer, timings, stormLimits: limits } = world;
    const random = (): number => 0.5;
    this.freezes = new FakeFreezeStore(database);
    this.brake = new StormBrake({ store: this.freezes, events, clock, replica: name, limits });
    this.breakers = new Breakers(clock, events, (id) => world.clients.get(id)?.revision, random);
    this.gates = this.gatesWith(16);
    this.store = new FakeRotationStore(database, clock);
    this.tokens = new FakeTokenStore(database);
    this.endpoint = new FakeTokenEndpoint(world.server);
    this.pending = new PendingSaves(this.store, (save, result) =>
      this.settled.push({ save, result: result instanceof Error ? result.name : result }),
    );
    this.profiles = profilesOf((id) => world.clients.get(id), this.endpoint);
    this.finisher = new RotationFinisher({
      sealer,
      pending: this.pending,
      spool: this.spool,
      brake: this.brake,
      clock,
      random,
      profiles: this.profiles,
    });
    this.spender = new Spender({
      store: this.store,
      clients: { client: async (id) => world.clients.get(id) },
      endpoint: this.endpoint,
      sealer,
      spool: this.spool,
      finisher: this.finisher,
      clock,
      redoMark: this.redoMark,
      timings,
    });
    this.replay = new SpoolReplay({
      store: this.store,
      clients: { client: async (id) => world.clients.get(id) },
      endpoint: this.endpoint,
      sealer,
      spool: this.spool,
      finisher: this.finisher,
      pending: this.pending,
      events,
      clock,
      redoMark: this.redoMark,
    });
    this.held = new HeldTokens(this.tokens, sealer, events, heldCapacity);
    const listeners = [this.held, this.breakers, new Canaries(this.freezes, events)];
    this.rotator = new Rotator(this.spender, listeners, events, clock);
    this.demand = new DemandRotations({
      store: this.store,
      rotator: this.rotator,
      hints: this.hints,
      clock,
      claimRequest: this.claimRequest,
      gates: this.gates,
      random,
    });
    this.links = new ConnectLinks(sealer, clock, 'https://broker.example', 3_600_000);
    this.handOut = new AccessTokenHandOut({
      policy: () => this.policy,
      held: this.held,
      store: this.tokens,
      demand: this.demand,
      links: this.links,
      events,
      clock,
    });
  }

  get claimRequest(): ClaimRequest {
    return {
      replica: this.name,
      spoolId: this.spool.id,
      bootId: `boot of ${this.name}`,
      attemptFloor: 0,
      attemptDeadlineMs: this.world.timings.attemptDeadlineMs,
    };
  }

  /** The gates of this replica with this many slots of their own. */
  gatesWith(slots: number): RotationGates {
    return {
      slots: new Slots(slots, this.world.clock),
      breakers: this.breakers,
      freezeOf: (id) => this.world.clients.get(id)?.freeze,
      spending: this.spending,
    };
  }

  /** A scheduler with the slots of this replica, or with so many of its own. */
  due(slots?: number): DueRotations {
    const { clock, events } = this.world;
    return new DueRotations({
      store: this.store,
      rotator: this.rotator,
      events,
      clock,
      claimRequest: this.claimRequest,
      gates: slots === undefined ? this.gates : this.gatesWith(slots),
      random: () => 0.5,
      profiles: this.profiles,
    });
  }

  /** Claims one connection; fails the test where it cannot be claimed. */
  async claim(uid = 'uid-1'): Promise<Claim> {
    const claimed = await this.store.claimOne(uid, this.claimRequest);
    if (claimed.kind !== 'claimed') throw new Error(`${uid} could not be claimed: ${claimed.kind}`);
    return claimed.claim;
  }

  /** Claims and spends, as a rotation does. */
  async rotate(uid = 'uid-1', variant?: Variant): Promise<SpendOutcome> {
    return this.spender.spend(await this.claim(uid), variant);
  }
}
