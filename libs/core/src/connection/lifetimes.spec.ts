import fc from 'fast-check';
import { sampleConnection } from '../../../../test/harness/fakes/index.js';
import {
  lifetimesAfter,
  reauthorizeAt,
  type AnsweredLifetimes,
  type ConfiguredLifetimes,
  type EarlierLifetimes,
} from './lifetimes.js';

const NOW = 1_900_000_000_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const after = (
  answer: AnsweredLifetimes,
  {
    configured = {},
    before = {},
    rotates = true,
  }: { configured?: ConfiguredLifetimes; before?: EarlierLifetimes; rotates?: boolean } = {},
): { refresh?: number | undefined; authorization?: number | undefined } => {
  const made = lifetimesAfter(answer, NOW, configured, before, rotates);
  const since = (at: number | undefined): number | undefined => (at === undefined ? at : at - NOW);
  return { refresh: since(made.refreshExpiresAt), authorization: since(made.authorizationExpiresAt) };
};
const NEXT = { refreshToken: 'next' };

describe('a refresh token’s own end', () => {
  it('is as answered, counted from the sending', () => {
    expect(after({ ...NEXT, refreshTokenExpiresInMs: DAY })).toEqual({ refresh: DAY });
  });

  it('is as configured where the answer does not say', () => {
    const configured = { refreshTokenIdleTtlMs: 15 * DAY };
    expect(after(NEXT, { configured })).toEqual({ refresh: 15 * DAY });
  });

  it('is the sooner of the two', () => {
    const configured = { refreshTokenIdleTtlMs: 15 * DAY };
    expect(after({ ...NEXT, refreshTokenExpiresInMs: DAY }, { configured }).refresh).toBe(DAY);
    expect(after({ ...NEXT, refreshTokenExpiresInMs: 30 * DAY }, { configured }).refresh).toBe(15 * DAY);
  });

  it('is not known where nobody says, whatever the one before had', () => {
    expect(after(NEXT)).toEqual({});
    expect(after(NEXT, { before: { refreshExpiresAt: NOW + DAY } })).toEqual({});
  });

  it('stays where the refresh token stays', () => {
    expect(after({}, { before: { refreshExpiresAt: NOW + DAY } }).refresh).toBe(DAY);
  });

  it('slides with each use as configured, although the refresh token stays', () => {
    const configured = { refreshTokenIdleTtlMs: 180 * DAY };
    const before = { refreshExpiresAt: NOW + DAY, lastRotatedAt: NOW - 179 * DAY };
    expect(after({}, { configured, before, rotates: false })).toEqual({ refresh: 180 * DAY });
  });
});

describe('the end of an authorization', () => {
  it('is as configured, from when its user gave it', () => {
    const configured = { authorizationTtlMs: 30 * DAY };
    expect(after(NEXT, { configured, before: { authorizedAt: NOW - 10 * DAY } })).toEqual({
      authorization: 20 * DAY,
    });
    expect(after(NEXT, { configured })).toEqual({});
  });

  it('is as answered, and the sooner of the two', () => {
    const configured = { authorizationTtlMs: 30 * DAY };
    const before = { authorizedAt: NOW };
    expect(after({ ...NEXT, authorizationExpiresInMs: DAY }).authorization).toBe(DAY);
    expect(after({ ...NEXT, authorizationExpiresInMs: DAY }, { configured, before }).authorization).toBe(DAY);
    expect(after({ ...NEXT, authorizationExpiresInMs: 90 * DAY }, { configured, before }).authorization).toBe(
      30 * DAY,
    );
  });

  it('is remembered where an answer leaves it out', () => {
    expect(after(NEXT, { before: { authorizationExpiresAt: NOW + 3 * DAY } })).toEqual({
      authorization: 3 * DAY,
    });
  });

  it('follows the server where it is prolonged or cut', () => {
    const before = { authorizationExpiresAt: NOW + 3 * DAY };
    for (const authorizationExpiresInMs of [DAY, 9 * DAY]) {
      expect(after({ ...NEXT, authorizationExpiresInMs }, { before }).authorization).toBe(
        authorizationExpiresInMs,
      );
    }
  });

  it('is forgotten where a refresh token is given that lives longer', () => {
    const before = { authorizationExpiresAt: NOW + DAY };
    expect(after({ ...NEXT, refreshTokenExpiresInMs: 7 * DAY }, { before })).toEqual({ refresh: 7 * DAY });
    expect(after({ ...NEXT, refreshTokenExpiresInMs: DAY + 5_000 }, { before }).authorization).toBe(DAY);
  });
});

describe('a fixed end shows where a use prolongs nothing', () => {
  const counted = (leftBefore: number, answered: number, ago = HOUR): ReturnType<typeof after> =>
    after(
      { ...NEXT, refreshTokenExpiresInMs: answered },
      { before: { refreshExpiresAt: NOW - ago + leftBefore, lastRotatedAt: NOW - ago } },
    );

  it('in answers that count down to it', () => {
    expect(counted(10 * HOUR, 9 * HOUR)).toEqual({ refresh: 9 * HOUR, authorization: 9 * HOUR });
  });

  it('in answers that shrink by the last of a session', () => {
    expect(counted(30 * HOUR, 20 * HOUR)).toEqual({ refresh: 20 * HOUR, authorization: 20 * HOUR });
  });

  it('not in answers that slide, give or take a second', () => {
    expect(counted(10 * HOUR, 10 * HOUR)).toEqual({ refresh: 10 * HOUR });
    expect(counted(10 * HOUR, 10 * HOUR - 1_000, 11_000)).toEqual({ refresh: 10 * HOUR - 1_000 });
  });

  it('not in two answers that follow each other closely: they tell nothing', () => {
    expect(counted(10 * HOUR, 10 * HOUR - 9_000, 9_000)).toEqual({ refresh: 10 * HOUR - 9_000 });
  });

  it('not in the first answer there is', () => {
    expect(after({ ...NEXT, refreshTokenExpiresInMs: DAY }, { before: { authorizedAt: NOW } })).toEqual({
      refresh: DAY,
    });
  });

  it('at once where refresh tokens are not rotated', () => {
    expect(after({ ...NEXT, refreshTokenExpiresInMs: DAY }, { rotates: false })).toEqual({
      refresh: DAY,
      authorization: DAY,
    });
  });

  it('in a refresh token that stays and has an end', () => {
    const before = { refreshExpiresAt: NOW + DAY, authorizationExpiresAt: NOW + 3 * DAY };
    expect(after({}, { before })).toEqual({ refresh: DAY, authorization: DAY });
  });

  it('and no authorization is said to end before it does: it never comes before what a server says', () => {
    const ms = fc.option(fc.integer({ min: 1, max: 1_000 * DAY }), { nil: undefined });
    fc.assert(
      fc.property(ms, ms, fc.boolean(), fc.nat(DAY), (refreshLife, authorizationLife, next, ago) => {
        const answer = {
          ...(next ? NEXT : {}),
          ...(refreshLife === undefined ? {} : { refreshTokenExpiresInMs: refreshLife }),
          ...(authorizationLife === undefined ? {} : { authorizationExpiresInMs: authorizationLife }),
        };
        const made = lifetimesAfter(answer, NOW, {}, { lastRotatedAt: NOW - ago }, true);
        expect(made.refreshExpiresAt).toBe(refreshLife === undefined ? undefined : NOW + refreshLife);
        expect(made.authorizationExpiresAt).toBe(
          authorizationLife === undefined ? undefined : NOW + authorizationLife,
        );
      }),
    );
  });
});

describe('when a connection needs its user', () => {
  const ends = { refreshExpiresAt: NOW + DAY, authorizationExpiresAt: NOW + 3 * DAY };
  const lastError = { code: 'invalid_grant', description: 'x', at: NOW - DAY };

  it.each([
    ['when the authorization ends: until then it is kept alive', { ...ends }, 3 * DAY],
    ['when the refresh token ends, while rotations fail', { ...ends, failureCount: 1 }, DAY],
    [
      'when the authorization ends, if that is sooner',
      { ...ends, failureCount: 1, refreshExpiresAt: NOW + 9 * DAY },
      3 * DAY,
    ],
    ['when the refresh token ends, in doubt', { ...ends, state: 'IN_DOUBT' as const, failureCount: 1 }, DAY],
    ['when the refresh token ends, while it is paused', { ...ends, state: 'PAUSED' as const }, DAY],
    ['since it was denied', { ...ends, state: 'REAUTHORIZATION_REQUIRED' as const, lastError }, -DAY],
    [
      'since it was created, where it was never authorized',
      { state: 'REAUTHORIZATION_REQUIRED' as const, createdAt: NOW - 2 * DAY },
      -2 * DAY,
    ],
  ])('%s', (_what, fields, expected) => {
    expect((reauthorizeAt(sampleConnection(fields)) ?? 0) - NOW).toBe(expected);
  });

  it('never, as far as is known, where nothing is; and not when it was ended on purpose', () => {
    expect(reauthorizeAt(sampleConnection({ refreshExpiresAt: NOW }))).toBeUndefined();
    expect(reauthorizeAt(sampleConnection({ state: 'REVOKED', ...ends }))).toBeUndefined();
  });
});
