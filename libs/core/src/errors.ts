/**
 * Why the broker refuses something. The same words are the `reason` of `google.rpc.ErrorInfo` on the
 * wire; `libs/grpc` translates each into a status code, once.
 */
export type RefusalReason =
  | 'ACCESS_DENIED'
  | 'ALREADY_EXISTS'
  | 'AUTHORIZATION_SERVER_DOWN'
  | 'AUTHORIZATION_SERVER_REFUSED'
  | 'CLIENT_FROZEN'
  | 'CLIENT_IN_USE'
  | 'CONNECTION_IN_DOUBT'
  | 'CONNECTION_NOT_FOUND'
  | 'CONNECTION_PAUSED'
  | 'CONNECTION_REVOKED'
  | 'DATABASE_UNAVAILABLE'
  | 'INVALID_REQUEST'
  | 'MIN_TTL_UNSATISFIABLE'
  | 'NOT_FOUND'
  | 'RATE_BUDGET'
  | 'REAUTHORIZATION_REQUIRED'
  | 'SCOPE_NOT_GRANTED'
  | 'SHUTTING_DOWN'
  | 'SPENDING_STOPPED'
  | 'STATE_CONFLICT'
  | 'SUBJECT_MISMATCH'
  | 'TOO_MANY_WAITING'
  | 'UNAUTHENTICATED'
  | 'WAIT_EXPIRED';

/** A refusal as a value: what was refused, why, and what to do. It never carries a token or a secret. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** A sentence for a person: what is wrong and what to do. */
  readonly message: string;
  /** Machine-readable details for `ErrorInfo.metadata`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** When trying again may help, in milliseconds from now. */
  readonly retryAfterMs?: number;
}

/** The one typed error of the project: a refusal on its way to the edge. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';

  constructor(
    readonly refusal: Refusal,
    options?: ErrorOptions,
  ) {
    super(refusal.message, options);
  }

  /** Shorthand for a refusal without metadata. */
  static of(reason: RefusalReason, message: string): BrokerError {
    return new BrokerError({ reason, message });
  }
}

/**
 * Thrown by stores when the database cannot be reached or is not able to write. The statement may or may
 * not have taken effect: whoever catches it re-reads.
 */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

/** Whether the error says that the store is away, in whichever realm it was made. */
export function isStoreUnavailable(error: unknown): boolean {
  return error instanceof Error && error.name === 'StoreUnavailableError';
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
