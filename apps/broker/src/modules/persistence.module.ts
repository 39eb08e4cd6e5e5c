import { Global, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { Directory, HeldTokens, NO_FAILPOINTS, type EventSink, type Sealer } from '#libs/core';
import {
  ChangeFeed,
  FleetClock,
  PostgresAccessStore,
  PostgresClientFigures,
  PostgresClientStore,
  PostgresConnectionStore,
  PostgresDirectoryStore,
  PostgresFleetStore,
  PostgresFreezeStore,
  PostgresRotationStore,
  PostgresTokenStore,
  type Database,
} from '#libs/postgres';
import type { BrokerConfig } from '../broker-config.js';
import {
  CONFIG,
  DATABASE,
  EVENTS,
  FAILPOINTS,
  LOGGER,
  METRICS,
  RANDOM,
  SEALER,
  SEAMS,
  SPOOL,
  type Foundation,
  type Seams,
} from './foundation.js';

const stores: Provider[] = [
  ...[
    PostgresAccessStore,
    PostgresClientFigures,
    PostgresClientStore,
    PostgresConnectionStore,
    PostgresDirectoryStore,
    PostgresFleetStore,
    PostgresFreezeStore,
    PostgresTokenStore,
  ].map((Store) => ({
    provide: Store,
    useFactory: (database: Database) => new Store(database.main),
    inject: [DATABASE],
  })),
  {
    provide: PostgresRotationStore,
    useFactory: (database: Database, clock: FleetClock, { rotationStore }: Seams) => {
      const real = new PostgresRotationStore(database, () => clock.monotonic());
      return rotationStore?.(real, database) ?? real;
    },
    inject: [DATABASE, FleetClock, SEAMS],
  },
  { provide: FleetClock, useFactory: () => new FleetClock() },
  {
    provide: ChangeFeed,
    useFactory: (config: BrokerConfig) =>
      new ChangeFeed({ url: config.databaseUrl, applicationName: `token-broker ${config.replica}` }),
    inject: [CONFIG],
  },
];

/** What the replica keeps in memory of the database. */
const memory: Provider[] = [
  {
    provide: Directory,
    useFactory: (store: PostgresDirectoryStore, config: BrokerConfig, events: EventSink) =>
      new Directory(store, config.administrators, events),
    inject: [PostgresDirectoryStore, CONFIG, EVENTS],
  },
  {
    provide: HeldTokens,
    useFactory: (store: PostgresTokenStore, sealer: Sealer, events: EventSink, config: BrokerConfig) =>
      new HeldTokens(store, sealer, events, config.heldConnections),
    inject: [PostgresTokenStore, SEALER, EVENTS, CONFIG],
  },
];

/** The database, and what is kept of it in memory; everybody may have it. */
@Global()
@Module({})
export class PersistenceModule {
  /** Takes what was checked before. */
  static with(foundation: Foundation): DynamicModule {
    const { config, logger, events, metrics, sealer, database, spool, seams = {} } = foundation;
    const given: [symbol, unknown][] = [
      [CONFIG, config],
      [LOGGER, logger],
      [EVENTS, events],
      [METRICS, metrics],
      [SEALER, sealer],
      [DATABASE, database],
      [SPOOL, spool],
      [RANDOM, Math.random],
      [SEAMS, seams],
      [FAILPOINTS, seams.failpoints ?? NO_FAILPOINTS],
    ];
    const providers: Provider[] = [
      ...given.map(([provide, useValue]) => ({ provide, useValue })),
      ...stores,
      ...memory,
    ];
    return { module: PersistenceModule, providers, exports: providers };
  }
}
