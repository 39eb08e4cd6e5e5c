import type { ServiceError } from '@grpc/grpc-js';
import { ErrorInfo, RetryInfo } from '#proto/google/rpc/error_details';
import { Status } from '#proto/google/rpc/status';

/** What the broker refused, as a caller sees it. */
export class TokenBrokerError extends Error {
  override readonly name = 'TokenBrokerError';

  constructor(
    message: string,
    /** The gRPC status code (`grpc.status`). */
    readonly code: number,
    /** The `reason` of `google.rpc.ErrorInfo`; empty where the answer had none. */
    readonly reason: string,
    /** The `metadata` of `google.rpc.ErrorInfo`, such as `reconnect_uri`. */
    readonly metadata: Readonly<Record<string, string>>,
    /** When trying again may help, in milliseconds from the answer (`google.rpc.RetryInfo`). */
    readonly retryAfterMs: number | undefined,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Reads the details of a failed call (AIP-193). */
export function toTokenBrokerError(error: ServiceError): TokenBrokerError {
  const [encoded] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const details = encoded instanceof Uint8Array ? Status.decode(encoded).details : [];
  let info: ErrorInfo | undefined;
  let retry: RetryInfo | undefined;
  for (const { typeUrl, value } of details) {
    if (typeUrl.endsWith('/google.rpc.ErrorInfo')) info = ErrorInfo.decode(value);
    if (typeUrl.endsWith('/google.rpc.RetryInfo')) retry = RetryInfo.decode(value);
  }
  const delay = retry?.retryDelay;
  return new TokenBrokerError(
    error.details || error.message,
    error.code,
    info?.reason ?? '',
    info?.metadata ?? {},
    delay ? Number(delay.seconds) * 1_000 + delay.nanos / 1e6 : undefined,
    { cause: error },
  );
}
