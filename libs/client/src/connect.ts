import { readFileSync } from 'node:fs';
import {
  credentials as grpcCredentials,
  Metadata,
  type CallOptions,
  type ChannelCredentials,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import { AccessServiceClient } from '#proto/tokenbroker/v1/access_service';
import { ClientServiceClient } from '#proto/tokenbroker/v1/client_service';
import { ConnectionServiceClient } from '#proto/tokenbroker/v1/connection_service';
import { FleetServiceClient } from '#proto/tokenbroker/v1/fleet_service';
import { TokenServiceClient } from '#proto/tokenbroker/v1/token_service';
import { toTokenBrokerError } from './refusal.js';

/** Where the broker is, and who is calling. */
export interface BrokerAddress {
  /** `host:port`. */
  readonly address: string;
  /** PEM files: the CA that signed the broker's certificate, the caller's certificate and its key. */
  readonly caFile: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name in the broker's certificate, where it is reached by another one. */
  readonly serverName?: string;
}

/** The services of the broker, with mTLS. Close it when done. */
export interface BrokerConnection {
  readonly tokens: TokenServiceClient;
  readonly connections: ConnectionServiceClient;
  readonly clients: ClientServiceClient;
  readonly access: AccessServiceClient;
  readonly fleet: FleetServiceClient;
  close(): void;
}

/** Opens the services; the connection itself is made at the first call. */
export function connectBroker(broker: BrokerAddress): BrokerConnection {
  const read = (file: string | undefined): Buffer | null => (file === undefined ? null : readFileSync(file));
  const credentials = grpcCredentials.createSsl(
    read(broker.caFile),
    read(broker.keyFile),
    read(broker.certFile),
  );
  return services(broker, credentials);
}

function services(broker: BrokerAddress, credentials: ChannelCredentials): BrokerConnection {
  const options =
    broker.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': broker.serverName };
  // One channel for all of them: they share one connection.
  const tokens = new TokenServiceClient(broker.address, credentials, options);
  const shared = { ...options, channelOverride: tokens.getChannel() };
  return {
    tokens,
    connections: new ConnectionServiceClient(broker.address, credentials, shared),
    clients: new ClientServiceClient(broker.address, credentials, shared),
    access: new AccessServiceClient(broker.address, credentials, shared),
    fleet: new FleetServiceClient(broker.address, credentials, shared),
    close: () => tokens.close(),
  };
}

type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/**
 * Calls a method and waits for its answer.
 * @param method as in `(…args) => broker.tokens.getAccessToken(...args)`
 * @param deadlineMs how long to wait at the most
 * @throws {TokenBrokerError}
 */
export function call<Request, Response>(
  method: Unary<Request, Response>,
  request: Request,
  deadlineMs = 30_000,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    method(request, new Metadata(), { deadline: Date.now() + deadlineMs }, (error, response) => {
      if (error) reject(toTokenBrokerError(error));
      else resolve(response);
    });
  });
}
