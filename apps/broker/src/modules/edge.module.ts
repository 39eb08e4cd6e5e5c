import { Global, Module, type Provider } from '@nestjs/common';
import {
  AccessAdministration,
  AccessTokenHandOut,
  BrowserAuthorization,
  ClientAdministration,
  ClientFreezing,
  ClientStatuses,
  ConnectionAdministration,
  ConnectLinks,
  Directory,
  FleetAdministration,
  Membership,
  type EventSink,
} from '#libs/core';
import { createGrpcServer } from '#libs/grpc';
import type { Metrics } from '#libs/observability';
import { FleetClock } from '#libs/postgres';
import { WebModule } from '#libs/web';
import type { BrokerConfig } from '../broker-config.js';
import { GrpcCertificates } from '../grpc-certificates.js';
import { Lifecycle } from '../lifecycle.js';
import { CertificateWatch } from '../certificate-watch.js';
import { CONFIG, EVENTS, GRPC_SERVER, METRICS } from './foundation.js';

const grpc: Provider[] = [
  {
    provide: GrpcCertificates,
    useFactory: (config: BrokerConfig) => new GrpcCertificates(config.grpc),
    inject: [CONFIG],
  },
  {
    provide: GRPC_SERVER,
    useFactory: (
      certificates: GrpcCertificates,
      directory: Directory,
      handOut: AccessTokenHandOut,
      connections: ConnectionAdministration,
      clients: ClientAdministration,
      freezing: ClientFreezing,
      statuses: ClientStatuses,
      access: AccessAdministration,
      fleet: FleetAdministration,
      links: ConnectLinks,
      events: EventSink,
      clock: FleetClock,
    ) =>
      createGrpcServer({
        tls: certificates.read(),
        parts: {
          policy: () => directory.policy,
          handOut,
          connections,
          clients,
          freezing,
          statuses,
          access,
          fleet,
          redirectUri: links.redirectUri,
          events,
          clock,
        },
      }),
    inject: [
      GrpcCertificates,
      Directory,
      AccessTokenHandOut,
      ConnectionAdministration,
      ClientAdministration,
      ClientFreezing,
      ClientStatuses,
      AccessAdministration,
      FleetAdministration,
      ConnectLinks,
      EVENTS,
      FleetClock,
    ],
  },
  { provide: Lifecycle, useFactory: () => new Lifecycle() },
];

/** *call → who → may → cache or spend → answer*, and the pages. */
@Global()
@Module({
  imports: [
    WebModule.with(
      (
        authorization: BrowserAuthorization,
        config: BrokerConfig,
        lifecycle: Lifecycle,
        metrics: Metrics,
        events: EventSink,
        membership: Membership,
      ) => ({
        authorization,
        publicUrl: config.web.publicUrl,
        readiness: () => lifecycle.readiness(membership.objection?.code),
        metrics: () => metrics.exposition(),
        events,
      }),
      [BrowserAuthorization, CONFIG, Lifecycle, METRICS, EVENTS, Membership],
    ),
  ],
  providers: [...grpc, CertificateWatch],
  exports: grpc,
})
export class EdgeModule {}
