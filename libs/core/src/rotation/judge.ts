import type { Connection, LastError } from '../connection/connection.js';
import { probeAt, retryAt } from './policy.js';
import type { FailureChange, Interpretation, SendResult } from './ports.js';
import type { RotationProfile } from './rotation-profile.js';

/** How an exchange ended, with no token in it. */
export type Failure =
  | Exclude<Interpretation, { kind: 'granted' }>
  | Exclude<SendResult, { kind: 'answered' }>;

/** The code of a denial that is the broker's own: nothing was sent, since the profile forbids the probe. */
export const PROBE_FORBIDDEN_CODE = 'probe_forbidden';

/** The attempt that a failure is about. */
export interface EndedAttempt {
  readonly attemptId: string;
  /** The spool that may still have the answer; absent where the answer is known to be gone. */
  readonly askSpool?: string;
  /** How its authorization server deviates. */
  readonly profile: RotationProfile;
  /** When the refresh token was sent at the earliest. */
  readonly sentAt: number;
}

/**
 * What a failed exchange does to its connection. This is where "transient is not final" (promise P7) and
 * the single probe of an in-doubt connection (promise P1) are decided.
 * @param random uniform in [0, 1)
 * @param exchange the server it was with, and when the refresh token was sent at the earliest
 */
export function changeAfterFailure(
  connection: Connection,
  failure: Failure,
  now: number,
  random: () => number,
  { attemptId, askSpool, profile, sentAt }: EndedAttempt,
): FailureChange {
  const lastError: LastError = { code: failure.code, description: failure.description, at: now };
  const released = (): FailureChange => {
    const failureCount = connection.failureCount + 1;
    const retryAfterMs = failure.kind === 'refused' ? failure.retryAfterMs : undefined;
    return {
      kind: 'released',
      lastError,
      failureCount,
      notBefore: retryAt(now, failureCount, retryAfterMs, random, connection.refreshExpiresAt),
    };
  };
  switch (failure.kind) {
    case 'notSent':
    case 'refused':
      return released();
    case 'final':
      // There is no user who could grant it again: an administrator repairs the client or its linked user.
      if (connection.grantType === 'client_credentials') return released();
      return { kind: 'denied', lastError: explainDenial(connection, lastError, profile) };
    case 'unanswered':
    case 'doubtful':
      // Client credentials are not used up, nor are refresh tokens that may be used again: a lost answer
      // costs nothing.
      if (connection.grantType === 'client_credentials' || profile.reuse === 'accepted') return released();
      if (isInDoubt(connection) && connection.doubt?.attemptId !== attemptId) {
        return { kind: 'denied', lastError: probeFailed(lastError) };
      }
      return {
        kind: 'doubted',
        lastError,
        probeAt: probeAt(connection, now, profile, { sentAt, mayComeBack: askSpool !== undefined }),
        ...(askSpool === undefined ? {} : { askSpool }),
      };
  }
}

/** Also where it was paused meanwhile: the doubt is what the pause goes back to. */
export function isInDoubt(connection: Connection): boolean {
  return connection.state === 'IN_DOUBT' || connection.stateBeforePause === 'IN_DOUBT';
}

function explainDenial(connection: Connection, error: LastError, { reuse }: RotationProfile): LastError {
  const hadEnded = whatHadEnded(connection, error.at);
  if (!isInDoubt(connection)) return { ...error, description: `${error.description}${hadEnded}` };
  const before = connection.lastError;
  if (before?.code === 'denied_in_storm') {
    const words = `${error.description} (for the second time; ${before.description})${hadEnded}`;
    return { ...error, description: words };
  }
  const began = `the doubt began with ${before?.code ?? 'a lost answer'}`;
  // Only a server's word says that the token had been spent.
  if (error.code === PROBE_FORBIDDEN_CODE) {
    const words = before ? `: ${before.description}` : '.';
    return { ...error, description: `${error.description} It is not tried; ${began}${words}` };
  }
  const ended = reuse === 'revokes' ? ', and with the reuse the server has ended the authorization' : '';
  return {
    ...error,
    description: `${error.description} (the probe of an in-doubt connection; ${began}: most likely the refresh token had been spent and its answer was lost${ended})${hadEnded}`,
  };
}

/** What had come to its end by itself before it was tried. The server has the final word; this is why. */
function whatHadEnded({ refreshExpiresAt, authorizationExpiresAt }: Connection, now: number): string {
  if (authorizationExpiresAt !== undefined && authorizationExpiresAt <= now) {
    return ` (the authorization had ended at ${new Date(authorizationExpiresAt).toISOString()})`;
  }
  if (refreshExpiresAt !== undefined && refreshExpiresAt <= now) {
    return ` (the refresh token had expired unused at ${new Date(refreshExpiresAt).toISOString()})`;
  }
  return '';
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
  profile: RotationProfile,
): FailureChange {
  const { id: attemptId = '', replica = 'unknown', spoolId, startedAt = 0 } = connection.attempt ?? {};
  const failure: Failure = {
    kind: 'unanswered',
    code: 'replica_gone',
    description: `Replica ${replica} disappeared during a rotation.`,
  };
  return changeAfterFailure(connection, failure, now, random, {
    attemptId,
    ...(spoolId === undefined ? {} : { askSpool: spoolId }),
    profile,
    sentAt: startedAt,
  });
}
