/** Inbound gRPC: the services, who calls them, and how errors look on the wire. */
export { createGrpcServer, SERVICE_NAMES, type GrpcServerOptions } from './server.js';
export type { GrpcServer } from './tls-grpc-server.js';
export { DEFAULT_LIMITS, type GrpcLimits } from './limits.js';
export type { GrpcServerParts } from './parts.js';
export type { TlsMaterial } from './tls/tls-material.js';
export { decodeErrorDetails, DETAILS_KEY, ERROR_DOMAIN, type ErrorDetails } from './errors/error-details.js';
export { STATUS_OF_REASON } from './errors/status-codes.js';
export {
  durationFromMillis,
  millisFromDuration,
  millisFromTimestamp,
  timestampFromMillis,
} from './messages/time.js';
