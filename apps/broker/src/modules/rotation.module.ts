import { Global, Module, type Provider } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  DemandRotations,
  Directory,
  DueRotations,
  HeldTokens,
  PendingSaves,
  Rotator,
  Spender,
  type ClaimRequest,
  type EventSink,
  type Sealer,
} from '#libs/core';
import { createOAuth, type OAuth } from '#libs/oauth';
import { ChangeFeed, FleetClock, PostgresRotationStore } from '#libs/postgres';
import type { BrokerConfig } from '../broker-config.js';
import { Schedule } from '../schedule.js';
import { CONFIG, EVENTS, OAUTH, RANDOM, SEALER } from './foundation.js';

function claimRequest(config: BrokerConfig): ClaimRequest {
  return { replica: config.replica, attemptDeadlineMs: config.attemptDeadlineMs };
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
    useFactory: (store: PostgresRotationStore, events: EventSink) =>
      new PendingSaves(store, (save, result) =>
        events.emit({ type: 'save.settled', connectionUid: save.uid, result: String(result) }),
      ),
    inject: [PostgresRotationStore, EVENTS],
  },
  {
    provide: Spender,
    useFactory: (
      config: BrokerConfig,
      store: PostgresRotationStore,
      clients: Directory,
      oauth: OAuth,
      sealer: Sealer,
      pending: PendingSaves,
      clock: FleetClock,
      random: () => number,
    ) =>
      new Spender({
        store,
        clients,
        endpoint: oauth.tokenEndpoint,
        sealer,
        pending,
        clock,
        timings: config,
        random,
      }),
    inject: [CONFIG, PostgresRotationStore, Directory, OAUTH, SEALER, PendingSaves, FleetClock, RANDOM],
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
    ) =>
      new DueRotations(
        store,
        rotator,
        events,
        clock,
        claimRequest(config),
        { maxConcurrent: config.rotationConcurrency },
        random,
      ),
    inject: [CONFIG, PostgresRotationStore, Rotator, EVENTS, FleetClock, RANDOM],
  },
  {
    provide: DemandRotations,
    useFactory: (
      config: BrokerConfig,
      store: PostgresRotationStore,
      rotator: Rotator,
      feed: ChangeFeed,
      clock: FleetClock,
    ) => new DemandRotations(store, rotator, feed, clock, claimRequest(config)),
    inject: [CONFIG, PostgresRotationStore, Rotator, ChangeFeed, FleetClock],
  },
];

/** *scheduler tick → claim → spend → save → notify* */
@Global()
@Module({ imports: [ScheduleModule.forRoot()], providers: [...rotation, Schedule], exports: rotation })
export class RotationModule {}
