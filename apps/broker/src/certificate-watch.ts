import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import type { EventSink } from '#libs/core';
import type { GrpcServer } from '#libs/grpc';
import { GrpcCertificates } from './grpc-certificates.js';
import { EVENTS, GRPC_SERVER } from './modules/foundation.js';

/** SPIFFE certificates change every hour; a delay of seconds is nothing beside that. */
const LOOK_EVERY_MS = 10_000;

/** Takes up changed certificate files while the broker runs (promise P12). Bad ones are told, not used. */
@Injectable()
export class CertificateWatch implements OnApplicationBootstrap {
  constructor(
    @Inject(SchedulerRegistry) private readonly registry: SchedulerRegistry,
    @Inject(GrpcCertificates) private readonly certificates: GrpcCertificates,
    @Inject(GRPC_SERVER) private readonly server: GrpcServer,
    @Inject(EVENTS) private readonly events: EventSink,
  ) {}

  onApplicationBootstrap(): void {
    this.registry.addInterval(
      'certificates',
      setInterval(() => this.look(), LOOK_EVERY_MS),
    );
  }

  private look(): void {
    try {
      const material = this.certificates.readIfChanged();
      if (!material) return;
      this.server.updateTls(material);
      this.events.emit({
        type: 'admin.changed',
        by: 'certificate files',
        what: 'updated',
        resource: 'grpc/tls',
      });
    } catch (error) {
      this.events.emit({ type: 'fault', during: 'certificates', error });
    }
  }
}
