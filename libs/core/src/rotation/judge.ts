import type { Connection, LastError } from '../connection/connection.js';
import { probeAt, retryAt } from './policy.js';
import type { FailureChange, Interpretation, SendResult } from './ports.js';

/** How an exchange ended, with no token in it. */
export type Failure =
  | Exclude<Interpretation, { kind: 'granted' }>
  | Exclude<SendResult, { kind: 'answered' }>;

/** The code of a denial that is the broker's own: nothing was sent, since the profile forbids the probe. */
export const PROBE_FORBIDDEN_CODE = 'probe_forbidden';

/**
 * What a failed exchange does to its connection. This is where "transient is not final" (promise P7) and
 * the single probe of an in-doubt connection (promise P1) are decided.
 * @param random uniform in [0, 1)
 */
export function changeAfterFailure(
  connection: Connection,
  failure: Failure,
  now: number,
  random: () => number,
): FailureChange {
  const lastError: LastError = { code: failure.code, description: failure.description, at: now };
  const released = (): FailureChange => {
    const failureCount = connection.failureCount + 1;
    const retryAfterMs = failure.kind === 'refused' ? failure.retryAfterMs : undefined;
    return {
      kind: 'released',
      lastError,
      failureCount,
      notBefore: retryAt(now, failureCount, retryAfterMs, random),
    };
  };
  switch (failure.kind) {
    case 'notSent':
    case 'refused':
      return released();
    case 'final':
      // There is no user who could grant it again: an administrator repairs the client or its linked user.
      if (connection.grantType === 'client_credentials') return released();
      return { kind: 'denied', lastError: explainDenial(connection, lastError) };
    case 'unanswered':
    case 'doubtful':
      // Client credentials are not used up: a lost answer costs nothing.
      if (connection.grantType === 'client_credentials') return released();
      if (isInDoubt(connection)) return { kind: 'denied', lastError: probeFailed(lastError) };
      return { kind: 'doubted', lastError, probeAt: probeAt(connection, now) };
  }
}

/** Also where it was paused meanwhile: the doubt is what the pause goes back to. */
export function isInDoubt(connection: Connection): boolean {
  return connection.state === 'IN_DOUBT' || connection.stateBeforePause === 'IN_DOUBT';
}

function explainDenial(connection: Connection, error: LastError): LastError {
  // Only a server's word says that the token had been spent.
  if (!isInDoubt(connection) || error.code === PROBE_FORBIDDEN_CODE) return error;
  const before = connection.lastError;
  if (before?.code === 'denied_in_storm') {
    return { ...error, description: `${error.description} (for the second time; ${before.description})` };
  }
  return {
    ...error,
    description: `${error.description} (the probe of an in-doubt connection; the doubt began with ${before?.code ?? 'a lost answer'}: the refresh token had been spent and its answer was lost)`,
  };
}

function probeFailed(error: LastError): LastError {
  return {
    ...error,
    code: 'in_doubt_unresolved',
    description: `The one probe of an in-doubt connection was not answered either: ${error.code}: ${error.description}`,
  };
}

/**
 * What happens to an attempt whose replica is gone: whether its token was sent is not known any more.
 */
export function changeAfterDisappearance(
  connection: Connection,
  now: number,
  random: () => number,
): FailureChange {
  const replica = connection.attempt?.replica ?? 'unknown';
  return changeAfterFailure(
    connection,
    {
      kind: 'unanswered',
      code: 'replica_gone',
      description: `Replica ${replica} disappeared during a rotation.`,
    },
    now,
    random,
  );
}
