import { randomUUID } from 'node:crypto';
import { Global, Module, type Provider } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  Breakers,
  Canaries,
  DemandRotations,
  Directory,
  DueRotations,
  HeldTokens,
  Membership,
  PendingSaves,
  RedoMark,
  profilesOf,
  RotationFinisher,
  Rotator,
  Slots,
  Spender,
  SpoolReplay,
  STORM_LIMITS,
  StormBrake,
  type ClaimRequest,
  type EventSink,
  type ReplicaIdentity,
  type RotationProfiles,
  type Failpoints,
  type RotationGates,
  type Sealer,
  type Spool,
} from '#libs/core';
import { createOAuth, type OAuth } from '#libs/oauth';
import {
  ChangeFeed,
  FleetClock,
  PostgresFleetStore,
  PostgresFreezeStore,
  PostgresRotationStore,
} from '#libs/postgres';
import type { BrokerConfig } from '../broker-config.js';
import { Schedule } from '../schedule.js';
import { CONFIG, EVENTS, FAILPOINTS, GATES, OAUTH, PROFILES, RANDOM, SEALER, SPOOL } from './foundation.js';

function claimRequest(config: BrokerConfig, spool: Spool): ClaimRequest {
  return {
    ...identityOf(config, spool),
    replica: config.replica,
    attemptDeadlineMs: config.attemptDeadlineMs,
    get attemptFloor() {
      return spool.known.attemptNumber;
    },
  };
}

/** The life of this process. */
const BOOT_ID = randomUUID();

function identityOf(config: BrokerConfig, spool: Spool): ReplicaIdentity {
  return { name: config.replica, spoolId: spool.id, bootId: BOOT_ID };
}

const rotation: Provider[] = [
  { provide: RedoMark, useFactory: () => new RedoMark() },
  {
    provide: OAUTH,
    useFactory: (clock: FleetClock, config: BrokerConfig) =>
      createOAuth({ monotonic: () => clock.monotonic(), exchangeTimeoutMs: config.exchangeTimeoutMs }),
    inject: [FleetClock, CONFIG],
  },
  {
    provide: PROFILES,
    useFactory: (directory: Directory, oauth: OAuth) =>
      profilesOf((clientId) => directory.known(clientId), oauth.tokenEndpoint),
    inject: [Directory, OAUTH],
  },
  {
    provide: PendingSaves,
    useFactory: (store: PostgresRotationStore, events: EventSink, spool: Spool) =>
      new PendingSaves(store, (save, result) => {
        events.emit({ type: 'save.settled', connectionUid: save.uid, result: String(result) });
        if (!(result instanceof Error)) void spool.settled(save.attemptId).catch(() => undefined);
      }),
    inject: [PostgresRotationStore, EVENTS, SPOOL],
  },
  {
    provide: StormBrake,
    useFactory: (
      store: PostgresFreezeStore,
      events: EventSink,
      clock: FleetClock,
      { replica }: BrokerConfig,
    ) => new StormBrake({ store, events, clock, replica, limits: STORM_LIMITS }),
    inject: [PostgresFreezeStore, EVENTS, FleetClock, CONFIG],
  },
  {
    provide: RotationFinisher,
    useFactory: (
      sealer: Sealer,
      pending: PendingSaves,
      spool: Spool,
      brake: StormBrake,
      clock: FleetClock,
      random: () => number,
      profiles: RotationProfiles,
      failpoints: Failpoints,
    ) => new RotationFinisher({ sealer, pending, spool, brake, clock, random, profiles, failpoints }),
    inject: [SEALER, PendingSaves, SPOOL, StormBrake, FleetClock, RANDOM, PROFILES, FAILPOINTS],
  },
  {
    provide: Breakers,
    useFactory: (clients: Directory, events: EventSink, clock: FleetClock, random: () => number) =>
      new Breakers(clock, events, (clientId) => clients.known(clientId)?.revision, random),
    inject: [Directory, EVENTS, FleetClock, RANDOM],
  },
  {
    provide: Canaries,
    useFactory: (store: PostgresFreezeStore, events: EventSink) => new Canaries(store, events),
    inject: [PostgresFreezeStore, EVENTS],
  },
  {
    provide: GATES,
    useFactory: (
      config: BrokerConfig,
      breakers: Breakers,
      clients: Directory,
      clock: FleetClock,
      membership: Membership,
    ): RotationGates => ({
      slots: new Slots(config.rotationConcurrency, clock),
      breakers,
      freezeOf: (clientId) => clients.known(clientId)?.freeze,
      spending: membership,
    }),
    inject: [CONFIG, Breakers, Directory, FleetClock, Membership],
  },
  {
    provide: Spender,
    useFactory: (
      config: BrokerConfig,
      store: PostgresRotationStore,
      clients: Directory,
      oauth: OAuth,
      sealer: Sealer,
      spool: Spool,
      finisher: RotationFinisher,
      clock: FleetClock,
      redoMark: RedoMark,
      failpoints: Failpoints,
    ) =>
      new Spender({
        store,
        clients,
        endpoint: oauth.tokenEndpoint,
        sealer,
        spool,
        finisher,
        clock,
        redoMark,
        timings: config,
        failpoints,
      }),
    inject: [
      CONFIG,
      PostgresRotationStore,
      Directory,
      OAUTH,
      SEALER,
      SPOOL,
      RotationFinisher,
      FleetClock,
      RedoMark,
      FAILPOINTS,
    ],
  },
  {
    provide: SpoolReplay,
    useFactory: (
      spool: Spool,
      store: PostgresRotationStore,
      clients: Directory,
      oauth: OAuth,
      finisher: RotationFinisher,
      pending: PendingSaves,
      sealer: Sealer,
      events: EventSink,
      clock: FleetClock,
      redoMark: RedoMark,
      failpoints: Failpoints,
    ) =>
      new SpoolReplay({
        spool,
        store,
        clients,
        endpoint: oauth.tokenEndpoint,
        finisher,
        pending,
        sealer,
        events,
        clock,
        redoMark,
        failpoints,
      }),
    inject: [
      SPOOL,
      PostgresRotationStore,
      Directory,
      OAUTH,
      RotationFinisher,
      PendingSaves,
      SEALER,
      EVENTS,
      FleetClock,
      RedoMark,
      FAILPOINTS,
    ],
  },
  {
    provide: Membership,
    useFactory: (
      config: BrokerConfig,
      store: PostgresFleetStore,
      spool: Spool,
      replay: SpoolReplay,
      events: EventSink,
    ) => new Membership({ me: identityOf(config, spool), store, spool, replay, events }),
    inject: [CONFIG, PostgresFleetStore, SPOOL, SpoolReplay, EVENTS],
  },
  {
    provide: Rotator,
    useFactory: (
      spender: Spender,
      held: HeldTokens,
      breakers: Breakers,
      canaries: Canaries,
      events: EventSink,
      clock: FleetClock,
    ) => new Rotator(spender, [held, breakers, canaries], events, clock),
    inject: [Spender, HeldTokens, Breakers, Canaries, EVENTS, FleetClock],
  },
  {
    provide: DueRotations,
    useFactory: (
      config: BrokerConfig,
      store: PostgresRotationStore,
      rotator: Rotator,
      events: EventSink,
      clock: FleetClock,
      gates: RotationGates,
      random: () => number,
      spool: Spool,
      profiles: RotationProfiles,
      failpoints: Failpoints,
    ) =>
      new DueRotations({
        store,
        rotator,
        events,
        clock,
        claimRequest: claimRequest(config, spool),
        gates,
        random,
        profiles,
        failpoints,
      }),
    inject: [
      CONFIG,
      PostgresRotationStore,
      Rotator,
      EVENTS,
      FleetClock,
      GATES,
      RANDOM,
      SPOOL,
      PROFILES,
      FAILPOINTS,
    ],
  },
  {
    provide: DemandRotations,
    useFactory: (
      config: BrokerConfig,
      store: PostgresRotationStore,
      rotator: Rotator,
      hints: ChangeFeed,
      clock: FleetClock,
      gates: RotationGates,
      random: () => number,
      spool: Spool,
    ) =>
      new DemandRotations({
        store,
        rotator,
        hints,
        clock,
        claimRequest: claimRequest(config, spool),
        gates,
        random,
      }),
    inject: [CONFIG, PostgresRotationStore, Rotator, ChangeFeed, FleetClock, GATES, RANDOM, SPOOL],
  },
];

/** *scheduler tick → claim → spend → save → notify* */
@Global()
@Module({ imports: [ScheduleModule.forRoot()], providers: [...rotation, Schedule], exports: rotation })
export class RotationModule {}
