import { randomUUID } from 'node:crypto';
import { status, type StatusObject } from '@grpc/grpc-js';
import { BrokerError, isStoreUnavailable, type EventSink, type Refusal } from '#libs/core';
import { encodeErrorDetails } from './error-details.js';
import { STATUS_OF_REASON } from './status-codes.js';

/** Longer texts are cut: trailers have to fit the header limits of every client. */
const LONGEST_MESSAGE = 1_000;
const LONGEST_METADATA_VALUE = 4_000;

/** Turns whatever went wrong in a call into the status that its caller gets, in one place. */
export class Failures {
  constructor(private readonly events: EventSink) {}

  /**
   * A refusal becomes its own status. Anything else is a fault: the caller learns a correlation id and
   * nothing more, and the event has the rest.
   * @param during the path of the method
   */
  statusOf(error: unknown, during: string): StatusObject {
    if (isBrokerError(error)) return statusOfRefusal(error.refusal);
    if (isStoreUnavailable(error)) return statusOfRefusal(DATABASE_AWAY);
    const correlationId = randomUUID();
    this.events.emit({ type: 'fault', during: `${during} ${correlationId}`, error });
    return statusWith(
      status.INTERNAL,
      'Something went wrong inside the broker. Its log knows more under the correlation id.',
      {
        reason: 'INTERNAL',
        metadata: { correlation_id: correlationId },
      },
    );
  }
}

/** The status of a refusal, with `ErrorInfo`, and `RetryInfo` where waiting helps. */
export function statusOfRefusal(refusal: Refusal): StatusObject {
  const { reason, message, metadata = {}, retryAfterMs } = refusal;
  return statusWith(STATUS_OF_REASON[reason], message, {
    reason,
    metadata,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

const DATABASE_AWAY: Refusal = {
  reason: 'DATABASE_UNAVAILABLE',
  message: 'The database is away. Try again.',
  retryAfterMs: 2_000,
};

function statusWith(
  code: status,
  text: string,
  details: Parameters<typeof encodeErrorDetails>[2],
): StatusObject {
  const message = presentable(text, LONGEST_MESSAGE);
  const metadata = Object.fromEntries(
    Object.entries(details.metadata).map(([key, value]) => [key, presentable(value, LONGEST_METADATA_VALUE)]),
  );
  return { code, details: message, metadata: encodeErrorDetails(code, message, { ...details, metadata }) };
}

/** Cut to size, and without lone surrogates: grpc-js percent-encodes it, which throws on them. */
function presentable(text: string, longest: number): string {
  const cut = text.length > longest ? `${text.slice(0, longest - 3)}...` : text;
  return cut.replaceAll(/\p{Surrogate}/gu, '\ufffd');
}

function isBrokerError(error: unknown): error is BrokerError {
  return error instanceof Error && error.name === 'BrokerError' && 'refusal' in error;
}
