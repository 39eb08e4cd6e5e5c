import { randomUUID } from 'node:crypto';
import { Global, Module, type Provider } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
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
  Spender,
  SpoolReplay,
  type ClaimRequest,
  type EventSink,
  type ReplicaIdentity,
  type RotationProfiles,
  type Failpoints,
  type Sealer,
  type Spool,
} from '#libs/core';
import { createOAuth, type OAuth } from '#libs/oauth';
import { ChangeFeed, FleetClock, PostgresFleetStore, PostgresRotationStore } from '#libs/postgres';
import type { BrokerConfig } from '../broker-config.js';
import { Schedule } from '../schedule.js';
import { CONFIG, EVENTS, FAILPOINTS, OAUTH, PROFILES, RANDOM, SEALER, SPOOL } from './foundation.js';

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
    provide: RotationFinisher,
    useFactory: (
      sealer: Sealer,
      pending: PendingSaves,
      spool: Spool,
      clock: FleetClock,
      random: () => number,
      profiles: RotationProfiles,
      failpoints: Failpoints,
    ) => new RotationFinisher({ sealer, pending, spool, clock, random, profiles, failpoints }),
    inject: [SEALER, PendingSaves, SPOOL, FleetClock, RANDOM, PROFILES, FAILPOINTS],
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
    useFactory: (spender: Spender, held: HeldTokens, events: EventSink, clock: FleetClock) =>
      new Rotator(spender, held, events, clock),
    inject: [Spender, HeldTokens, EVENTS, FleetClock],
  },
  {
    provide: DueRotations,
    useFactory: (
      config: BrokerConfig,
      store: PostgresRotationStore,
      rotator: Rotator,
      events: EventSink,
      clock: FleetClock,
      random: () => number,
      spool: Spool,
      membership: Membership,
      profiles: RotationProfiles,
      failpoints: Failpoints,
    ) =>
      new DueRotations(
        store,
        rotator,
        events,
        clock,
        claimRequest(config, spool),
        { maxConcurrent: config.rotationConcurrency },
        random,
        membership,
        profiles,
        failpoints,
      ),
    inject: [
      CONFIG,
      PostgresRotationStore,
      Rotator,
      EVENTS,
      FleetClock,
      RANDOM,
      SPOOL,
      Membership,
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
      feed: ChangeFeed,
      clock: FleetClock,
      spool: Spool,
      membership: Membership,
    ) => new DemandRotations(store, rotator, feed, clock, claimRequest(config, spool), membership),
    inject: [CONFIG, PostgresRotationStore, Rotator, ChangeFeed, FleetClock, SPOOL, Membership],
  },
];

/** *scheduler tick → claim → spend → save → notify* */
@Global()
@Module({ imports: [ScheduleModule.forRoot()], providers: [...rotation, Schedule], exports: rotation })
export class RotationModule {}
