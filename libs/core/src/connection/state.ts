/** Where a connection stands. */
export type ConnectionState = 'ACTIVE' | 'IN_DOUBT' | 'REAUTHORIZATION_REQUIRED' | 'PAUSED' | 'REVOKED';

/** What moves a connection from one state to another. */
export type ConnectionEvent =
  | 'authorized' // a user granted it, or a refresh token was imported
  | 'rotated' // a new token came back
  | 'doubted' // a refresh token may have been spent, and the answer is not in hand
  | 'cleared' // the token of the doubt was not spent after all
  | 'denied' // the authorization server's definite word
  | 'reconsidered' // a denial is taken back, since too many came at once: its server may have been confused
  | 'paused'
  | 'resumed'
  | 'revoked';

/**
 * The one transition table. An event that is missing for a state is refused there. `resumed` leads back to
 * where the pause began, which the connection remembers.
 */
const TRANSITIONS: Readonly<
  Record<ConnectionState, Partial<Record<ConnectionEvent, ConnectionState | 'BEFORE_PAUSE'>>>
> = {
  ACTIVE: {
    authorized: 'ACTIVE',
    rotated: 'ACTIVE',
    doubted: 'IN_DOUBT',
    denied: 'REAUTHORIZATION_REQUIRED',
    paused: 'PAUSED',
    revoked: 'REVOKED',
  },
  IN_DOUBT: {
    authorized: 'ACTIVE',
    rotated: 'ACTIVE',
    doubted: 'IN_DOUBT',
    cleared: 'ACTIVE',
    denied: 'REAUTHORIZATION_REQUIRED',
    paused: 'PAUSED',
    revoked: 'REVOKED',
  },
  // `rotated`: an answer that came late proves that the authorization is alive after all.
  REAUTHORIZATION_REQUIRED: {
    authorized: 'ACTIVE',
    rotated: 'ACTIVE',
    reconsidered: 'IN_DOUBT',
    revoked: 'REVOKED',
  },
  PAUSED: { authorized: 'ACTIVE', resumed: 'BEFORE_PAUSE', revoked: 'REVOKED' },
  REVOKED: { authorized: 'ACTIVE' },
};

/** The states in which a refresh token may be spent. */
export const SPENDING_STATES: readonly ConnectionState[] = ['ACTIVE', 'IN_DOUBT'];

/**
 * The state that follows, or `undefined` where the event is refused.
 * @param beforePause where the connection stood when it was paused; used by `resumed` only
 */
export function nextState(
  state: ConnectionState,
  event: ConnectionEvent,
  beforePause?: ConnectionState,
): ConnectionState | undefined {
  const next = TRANSITIONS[state][event];
  return next === 'BEFORE_PAUSE' ? beforePause : next;
}
