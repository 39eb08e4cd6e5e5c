import { Server } from '@grpc/grpc-js';
import { AccessServiceService } from '#proto/tokenbroker/v1/access_service';
import { ClientServiceService } from '#proto/tokenbroker/v1/client_service';
import { ConnectionServiceService } from '#proto/tokenbroker/v1/connection_service';
import { FleetServiceService } from '#proto/tokenbroker/v1/fleet_service';
import { TokenServiceService } from '#proto/tokenbroker/v1/token_service';
import { authenticators, Callers } from './caller/callers.js';
import { Failures } from './errors/failures.js';
import { HealthService } from './infrastructure/health-service.js';
import { ReflectionService } from './infrastructure/reflection-service.js';
import { DEFAULT_LIMITS, serverOptions, type GrpcLimits } from './limits.js';
import type { GrpcServerParts } from './parts.js';
import { accessService } from './services/access-service.js';
import { clientService } from './services/client-service.js';
import { connectionService } from './services/connection-service.js';
import { fleetService } from './services/fleet-service.js';
import { tokenService } from './services/token-service.js';
import type { CallContext } from './services/unary.js';
import { TlsGrpcServer, type GrpcServer } from './tls-grpc-server.js';
import type { TlsMaterial } from './tls/tls-material.js';

/** How the gRPC server is made. */
export interface GrpcServerOptions {
  readonly parts: GrpcServerParts;
  readonly tls: TlsMaterial;
  /** Where they differ from {@link DEFAULT_LIMITS}. */
  readonly limits?: Partial<GrpcLimits>;
}

/** The services that callers may be interested in the health of. */
export const SERVICE_NAMES = [
  'tokenbroker.v1.AccessService',
  'tokenbroker.v1.ClientService',
  'tokenbroker.v1.ConnectionService',
  'tokenbroker.v1.FleetService',
  'tokenbroker.v1.TokenService',
] as const;

/**
 * Makes the gRPC server: mutual TLS, the services, health and reflection.
 * @throws {Error} where the TLS material cannot serve
 */
export function createGrpcServer({ parts, tls, limits }: GrpcServerOptions): GrpcServer {
  const context: CallContext = {
    callers: new Callers(authenticators(), parts.policy),
    failures: new Failures(parts.events),
  };
  const server = new Server(serverOptions({ ...DEFAULT_LIMITS, ...limits }));
  server.addService(TokenServiceService, { ...tokenService(context, parts) });
  server.addService(ConnectionServiceService, { ...connectionService(context, parts) });
  server.addService(ClientServiceService, { ...clientService(context, parts) });
  server.addService(AccessServiceService, { ...accessService(context, parts) });
  server.addService(FleetServiceService, { ...fleetService(context, parts) });
  const health = new HealthService(SERVICE_NAMES);
  health.addTo(server);
  const reflection = new ReflectionService(context);
  reflection.addTo(server);
  return new TlsGrpcServer(server, tls, health, reflection);
}
