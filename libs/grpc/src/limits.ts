import type { ChannelOptions } from '@grpc/grpc-js';

/** What one caller may cost. grpc-js caps hardly anything by itself. */
export interface GrpcLimits {
  /**
   * The largest request, in bytes. The largest real one imports a refresh token; a JWT of that kind stays
   * below 8 KiB.
   */
  readonly maxRequestBytes: number;
  /** Calls at the same time on one connection; further ones wait in the client. */
  readonly maxConcurrentCalls: number;
  /**
   * What one HTTP/2 session may hold, in megabytes: all its concurrent calls with the largest request, and
   * room for answers that a slow reader has not taken.
   */
  readonly maxSessionMemoryMb: number;
  /** How long a connection without calls is kept, in milliseconds. */
  readonly maxConnectionIdleMs: number;
  /**
   * The age at which a connection is asked to go away (running calls finish), in milliseconds, ±10 %.
   * It rebalances callers over replicas, and bounds for how long a connection outlives the certificate
   * authority that vouched for it.
   */
  readonly maxConnectionAgeMs: number;
  /** How often a silent connection is probed for life, in milliseconds. */
  readonly keepaliveTimeMs: number;
  /** How long the probe's answer may take, in milliseconds. */
  readonly keepaliveTimeoutMs: number;
}

/** Good for hundreds of internal services. */
export const DEFAULT_LIMITS: GrpcLimits = {
  maxRequestBytes: 64 * 1024,
  maxConcurrentCalls: 500,
  maxSessionMemoryMb: 64,
  maxConnectionIdleMs: 15 * 60_000,
  maxConnectionAgeMs: 30 * 60_000,
  keepaliveTimeMs: 60_000,
  keepaliveTimeoutMs: 20_000,
};

/** The longest that a call may take, and so the longest that an ageing connection is waited for. */
export const LONGEST_CALL_MS = 60_000;

/** The limits as options of a grpc-js server. */
export function serverOptions(limits: GrpcLimits): ChannelOptions {
  return {
    'grpc.max_receive_message_length': limits.maxRequestBytes,
    'grpc.max_concurrent_streams': limits.maxConcurrentCalls,
    'grpc-node.max_session_memory': limits.maxSessionMemoryMb,
    'grpc.max_connection_idle_ms': limits.maxConnectionIdleMs,
    'grpc.max_connection_age_ms': limits.maxConnectionAgeMs,
    'grpc.max_connection_age_grace_ms': LONGEST_CALL_MS + 5_000,
    'grpc.keepalive_time_ms': limits.keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    // Channelz keeps books per call that nothing here reads.
    'grpc.enable_channelz': 0,
  };
}
