import { Metadata } from '@grpc/grpc-js';
import { ErrorInfo, RetryInfo } from '#proto/google/rpc/error_details';
import { Status } from '#proto/google/rpc/status';
import { durationFromMillis, millisFromDuration } from '../messages/time.js';

/** The `ErrorInfo.domain` of every refusal of the broker. */
export const ERROR_DOMAIN = 'tokenbroker';

/** Where `google.rpc.Status` travels (gRPC's rich error model). */
export const DETAILS_KEY = 'grpc-status-details-bin';

const ERROR_INFO = 'type.googleapis.com/google.rpc.ErrorInfo';
const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/** What a refusal says besides its code and message (AIP-193). */
export interface ErrorDetails {
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** When trying again may help, in milliseconds from now. */
  readonly retryAfterMs?: number;
}

/** Trailing metadata with the details of an error. */
export function encodeErrorDetails(code: number, message: string, details: ErrorDetails): Metadata {
  const { reason, metadata, retryAfterMs } = details;
  const info = ErrorInfo.encode({ reason, domain: ERROR_DOMAIN, metadata: { ...metadata } }).finish();
  const any = [{ typeUrl: ERROR_INFO, value: Buffer.from(info) }];
  if (retryAfterMs !== undefined) {
    const retryDelay = durationFromMillis(Math.max(retryAfterMs, 0));
    any.push({ typeUrl: RETRY_INFO, value: Buffer.from(RetryInfo.encode({ retryDelay }).finish()) });
  }
  const trailers = new Metadata();
  trailers.set(DETAILS_KEY, Buffer.from(Status.encode({ code, message, details: any }).finish()));
  return trailers;
}

/** The details that an error carries; `undefined` where it does not come from a broker, or is garbled. */
export function decodeErrorDetails(trailers: Metadata): ErrorDetails | undefined {
  const [raw] = trailers.get(DETAILS_KEY);
  if (!(raw instanceof Uint8Array)) return undefined;
  try {
    const { details } = Status.decode(raw);
    const info = details.find(({ typeUrl }) => typeUrl === ERROR_INFO);
    if (!info) return undefined;
    const { reason, domain, metadata } = ErrorInfo.decode(info.value);
    if (domain !== ERROR_DOMAIN) return undefined;
    const retry = details.find(({ typeUrl }) => typeUrl === RETRY_INFO);
    const retryDelay = retry && RetryInfo.decode(retry.value).retryDelay;
    return { reason, metadata, ...(retryDelay ? { retryAfterMs: millisFromDuration(retryDelay) } : {}) };
  } catch {
    return undefined;
  }
}
