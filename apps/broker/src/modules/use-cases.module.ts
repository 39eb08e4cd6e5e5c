import { Global, Module, type Provider } from '@nestjs/common';
import {
  AccessAdministration,
  AccessTokenHandOut,
  Breakers,
  BrowserAuthorization,
  ClientAdministration,
  ClientFreezing,
  ClientStatuses,
  ConnectionAdministration,
  ConnectLinks,
  DemandRotations,
  Directory,
  FleetAdministration,
  HeldTokens,
  type EventSink,
  type RotationProfiles,
  type Sealer,
} from '#libs/core';
import type { OAuth } from '#libs/oauth';
import {
  FleetClock,
  PostgresAccessStore,
  PostgresClientFigures,
  PostgresClientStore,
  PostgresConnectionStore,
  PostgresFleetStore,
  PostgresFreezeStore,
  PostgresTokenStore,
} from '#libs/postgres';
import type { BrokerConfig } from '../broker-config.js';
import { CONFIG, EVENTS, OAUTH, PROFILES, RANDOM, SEALER } from './foundation.js';

const useCases: Provider[] = [
  {
    provide: ConnectLinks,
    useFactory: (sealer: Sealer, clock: FleetClock, config: BrokerConfig) =>
      new ConnectLinks(sealer, clock, config.web.publicUrl, config.connectLinkTtlMs),
    inject: [SEALER, FleetClock, CONFIG],
  },
  {
    provide: AccessTokenHandOut,
    useFactory: (
      directory: Directory,
      held: HeldTokens,
      store: PostgresTokenStore,
      demand: DemandRotations,
      links: ConnectLinks,
      events: EventSink,
      clock: FleetClock,
    ) =>
      new AccessTokenHandOut({ policy: () => directory.policy, held, store, demand, links, events, clock }),
    inject: [Directory, HeldTokens, PostgresTokenStore, DemandRotations, ConnectLinks, EVENTS, FleetClock],
  },
  {
    provide: ConnectionAdministration,
    useFactory: (
      store: PostgresConnectionStore,
      clients: Directory,
      links: ConnectLinks,
      demand: DemandRotations,
      sealer: Sealer,
      events: EventSink,
      clock: FleetClock,
    ) => new ConnectionAdministration({ store, clients, links, demand, sealer, events, clock }),
    inject: [PostgresConnectionStore, Directory, ConnectLinks, DemandRotations, SEALER, EVENTS, FleetClock],
  },
  {
    provide: ClientAdministration,
    useFactory: (
      store: PostgresClientStore,
      directory: Directory,
      sealer: Sealer,
      oauth: OAuth,
      events: EventSink,
    ) => new ClientAdministration(store, directory, sealer, oauth.issuerRules, events, oauth.profiles),
    inject: [PostgresClientStore, Directory, SEALER, OAUTH, EVENTS],
  },
  {
    provide: ClientFreezing,
    useFactory: (store: PostgresFreezeStore, directory: Directory, events: EventSink) =>
      new ClientFreezing(store, directory, events),
    inject: [PostgresFreezeStore, Directory, EVENTS],
  },
  {
    provide: ClientStatuses,
    useFactory: (
      store: PostgresClientFigures,
      directory: Directory,
      breakers: Breakers,
      config: BrokerConfig,
    ) => new ClientStatuses(store, directory, breakers, config.replica),
    inject: [PostgresClientFigures, Directory, Breakers, CONFIG],
  },
  {
    provide: AccessAdministration,
    useFactory: (store: PostgresAccessStore, directory: Directory, events: EventSink) =>
      new AccessAdministration(store, directory, events),
    inject: [PostgresAccessStore, Directory, EVENTS],
  },
  {
    provide: FleetAdministration,
    useFactory: (
      store: PostgresFleetStore,
      events: EventSink,
      clock: FleetClock,
      random: () => number,
      profiles: RotationProfiles,
    ) => new FleetAdministration({ store, events, clock, random, profiles }),
    inject: [PostgresFleetStore, EVENTS, FleetClock, RANDOM, PROFILES],
  },
  {
    provide: BrowserAuthorization,
    useFactory: (
      links: ConnectLinks,
      clients: Directory,
      store: PostgresConnectionStore,
      oauth: OAuth,
      sealer: Sealer,
      events: EventSink,
      clock: FleetClock,
      random: () => number,
      profiles: RotationProfiles,
    ) =>
      new BrowserAuthorization({
        links,
        clients,
        connections: store,
        requests: store,
        flow: oauth.codeFlow,
        sealer,
        events,
        clock,
        random,
        profiles,
      }),
    inject: [
      ConnectLinks,
      Directory,
      PostgresConnectionStore,
      OAUTH,
      SEALER,
      EVENTS,
      FleetClock,
      RANDOM,
      PROFILES,
    ],
  },
];

/** The use cases that the edges call. */
@Global()
@Module({ providers: useCases, exports: useCases })
export class UseCasesModule {}
