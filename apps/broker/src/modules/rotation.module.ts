import { Global, Module, type Provider } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  DemandRotations,
  Directory,
  DueRotations,
  HeldTokens,
  PendingSaves,
  RotationFinisher,
  Rotator,
  Spender,
  SpoolReplay,
  type ClaimRequest,
  type EventSink,
  type Failpoints,
  type Sealer,
  type Spool,
} from '#libs/core';
import { createOAuth, type OAuth } from '#libs/oauth';
import { ChangeFeed, FleetClock, PostgresRotationStore } from '#libs/postgres';
import type { BrokerConfig } from '../broker-config.js';
import { Schedule } from '../schedule.js';
import { CONFIG, EVENTS, FAILPOINTS, OAUTH, RANDOM, SEALER, SPOOL } from './foundation.js';

function claimRequest(config: BrokerConfig, spool: Spool): ClaimRequest {
  return { replica: `${config.replica}/${spool.id}`, attemptDeadlineMs: config.attemptDeadlineMs };
}

const rotation: Provider[] = [
  {
    provide: OAUTH,
    useFactory: (clock: FleetClock, config: BrokerConfig) =>
      createOAuth({ monotonic: () => clock.monotonic(), exchangeTimeoutMs: config.exchangeTimeoutMs }),
    inject: [FleetClock, CONFIG],
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
      failpoints: Failpoints,
    ) => new RotationFinisher({ sealer, pending, spool, clock, random, failpoints }),
    inject: [SEALER, PendingSaves, SPOOL, FleetClock, RANDOM, FAILPOINTS],
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
      FAILPOINTS,
    ],
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
        failpoints,
      ),
    inject: [CONFIG, PostgresRotationStore, Rotator, EVENTS, FleetClock, RANDOM, SPOOL, FAILPOINTS],
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
    ) => new DemandRotations(store, rotator, feed, clock, claimRequest(config, spool)),
    inject: [CONFIG, PostgresRotationStore, Rotator, ChangeFeed, FleetClock, SPOOL],
  },
];

/** *scheduler tick → claim → spend → save → notify* */
@Global()
@Module({ imports: [ScheduleModule.forRoot()], providers: [...rotation, Schedule], exports: rotation })
export class RotationModule {}
