import { nextState, SPENDING_STATES, type ConnectionEvent, type ConnectionState } from './state.js';

const EVENTS = [
  'authorized',
  'rotated',
  'doubted',
  'denied',
  'paused',
  'resumed',
  'revoked',
  'cleared',
  'reconsidered',
] as const;
const REAUTHORIZE = 'REAUTHORIZATION_REQUIRED';
const refused = undefined;
const BEFORE = 'BEFORE';

/** Written down once more, so that a change of the one table is a change that somebody meant. */
const EXPECTED: Record<ConnectionState, Array<ConnectionState | typeof BEFORE | undefined>> = {
  //                         authorized rotated   doubted     denied       paused    resumed  revoked  cleared  reconsidered
  ACTIVE: ['ACTIVE', 'ACTIVE', 'IN_DOUBT', REAUTHORIZE, 'PAUSED', refused, 'REVOKED', refused, refused],
  IN_DOUBT: ['ACTIVE', 'ACTIVE', 'IN_DOUBT', REAUTHORIZE, 'PAUSED', refused, 'REVOKED', 'ACTIVE', refused],
  REAUTHORIZATION_REQUIRED: [
    'ACTIVE',
    'ACTIVE',
    refused,
    refused,
    refused,
    refused,
    'REVOKED',
    refused,
    'IN_DOUBT',
  ],
  PAUSED: ['ACTIVE', refused, refused, refused, refused, BEFORE, 'REVOKED', refused],
  REVOKED: ['ACTIVE', refused, refused, refused, refused, refused, refused, refused],
};

const STATES = Object.keys(EXPECTED) as ConnectionState[];

const CASES: Array<[ConnectionState, ConnectionEvent, ConnectionState | typeof BEFORE | undefined]> =
  STATES.flatMap((state) =>
    EVENTS.map((event, i) => [state, event, EXPECTED[state][i]] as [never, never, never]),
  );

describe('the transition table', () => {
  it.each(CASES)('%s, %s → %s', (state, event, expected) => {
    for (const before of ['ACTIVE', 'IN_DOUBT'] as const) {
      expect(nextState(state, event, before)).toBe(expected === BEFORE ? before : expected);
    }
  });

  it('has every state and every event in it', () => {
    expect(CASES).toHaveLength(5 * 9);
  });

  it('P1: a refresh token is spent in two states only, and both can end by the server’s word', () => {
    expect([...SPENDING_STATES].sort()).toEqual(['ACTIVE', 'IN_DOUBT']);
    for (const state of STATES) {
      expect(nextState(state, 'denied') === REAUTHORIZE).toBe(SPENDING_STATES.includes(state));
    }
  });

  it('P4: a pause does not make a doubt forgotten', () => {
    expect(nextState('IN_DOUBT', 'paused')).toBe('PAUSED');
    expect(nextState('PAUSED', 'resumed', 'IN_DOUBT')).toBe('IN_DOUBT');
  });
});
