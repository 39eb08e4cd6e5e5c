import fc from 'fast-check';
import { sampleClient, sampleConnection } from '../../../../test/harness/fakes/index.js';
import { phaseOf } from './phase.js';
import { dueAfterRotation, probeAt, retryAt } from './policy.js';
import { STRICTEST } from './rotation-profile.js';

const NOW = 1_900_000_000_000;
const HOUR = 3_600_000;
const share = fc.double({ min: 0.1, max: 0.9, noNaN: true });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const ttl = fc.integer({ min: 1_000, max: 86_400_000 });

describe('when the next rotation is due', () => {
  it('P11: within the tenth of the life before the OAuth client’s share, and never at the end', () => {
    fc.assert(
      fc.property(share, random, ttl, fc.uuid(), (rotateAt, chance, tokenTtlMs, uid) => {
        const due = dueAfterRotation(sampleClient({ rotateAt }), uid, NOW, tokenTtlMs, () => chance) - NOW;
        expect(due).toBeLessThanOrEqual(tokenTtlMs * rotateAt);
        expect(due).toBeGreaterThanOrEqual(Math.floor(tokenTtlMs * Math.max(rotateAt - 0.1, 0.05)));
        expect(due).toBeGreaterThan(0);
      }),
    );
  });

  it('P11: a connection has the same phase everywhere and always', () => {
    const due = (uid: string): number => dueAfterRotation(sampleClient(), uid, NOW, HOUR, () => 0);
    expect(due('uid-1')).toBe(due('uid-1'));
    expect(due('uid-1')).not.toBe(due('uid-2'));
    expect(phaseOf('uid-1')).toBeGreaterThanOrEqual(0);
    expect(phaseOf('uid-1')).toBeLessThan(1);
  });

  it('P11: connections that were authorized or restored at one moment spread, and stay spread', () => {
    const cycle = HOUR * 0.45;
    const manyUids = fc.uniqueArray(fc.uuid(), { minLength: 400, maxLength: 400 });
    fc.assert(
      fc.property(
        manyUids,
        fc.constantFrom(Math.random, () => 0.5),
        (uids, chance) => {
          let dues = uids.map(() => NOW);
          const rotate = (times: number): void => {
            for (let i = 0; i < times; i += 1) {
              dues = dues.map((at, n) => dueAfterRotation(sampleClient(), uids[n] ?? '', at, HOUR, chance));
            }
          };
          rotate(1);
          // At once over the spread: an even tenth of it has a tenth of them, and chance may double that.
          expect(crowdedest(dues, HOUR * 0.009)).toBeLessThan(0.2);
          for (const more of [19, 30, 150]) {
            rotate(more);
            // Later over all the time there is: an even twentieth of the cycle would have 5 %.
            expect(crowdedest(dues, cycle / 20)).toBeLessThan(0.13);
          }
        },
      ),
      { numRuns: 5 },
    );
  });
});

describe('a refresh token does not end by itself', () => {
  const day = 86_400_000;
  const UID = 'uid-1';
  const planned = dueAfterRotation(sampleClient(), UID, NOW, 2 * day, () => 0) - NOW;
  const due = (lifeMs: number, chance = 0, authorizationMs?: number): number =>
    dueAfterRotation(sampleClient(), UID, NOW, 2 * day, () => chance, {
      refreshExpiresAt: NOW + lifeMs,
      ...(authorizationMs === undefined ? {} : { authorizationExpiresAt: NOW + authorizationMs }),
    }) - NOW;

  it.each([
    ['with a tenth of its life left', 10 * 3_600_000, 9 * 3_600_000],
    ['with a minute left, where that is more', 300_000, 240_000],
    ['with half of its life left, where a minute does not fit', 60_000, 30_000],
    ['as planned, where it lives longer than that', 30 * day, planned],
  ])('it is used %s', (_what, lifeMs, expected) => {
    expect(due(lifeMs)).toBe(expected);
  });

  it('P11: those that end together are not used together', () => {
    expect(due(10 * 3_600_000, 0.99)).toBeLessThan(9 * 3_600_000 - 1_800_000);
  });

  it('it is not used again and again towards an end that this does not move', () => {
    expect(due(3_600_000, 0, 3_600_000)).toBe(planned);
    expect(due(3_600_000, 0, 7_200_000)).toBe(3_600_000 * 0.9);
  });

  it('nothing is ever due after its end, nor before it was got', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 * day }), random, (lifeMs, chance) => {
        expect(due(lifeMs, chance)).toBeGreaterThanOrEqual(0);
        expect(due(lifeMs, chance)).toBeLessThan(Math.max(lifeMs, 1));
      }),
    );
  });

  it('a failure is tried again before half of what is left has passed, but not before the server allows it', () => {
    const last = (): number => 0.999_999;
    expect(retryAt(NOW, 20, undefined, last, NOW + 100_000) - NOW).toBeLessThanOrEqual(50_000);
    expect(retryAt(NOW, 20, 90_000, last, NOW + 100_000) - NOW).toBe(90_000);
    expect(retryAt(NOW, 20, undefined, last, NOW + 10) - NOW).toBe(250);
    for (const over of [NOW, NOW - day, undefined]) {
      expect(retryAt(NOW, 20, undefined, last, over) - NOW).toBe(299_999);
    }
  });
});

/** The largest share of the instants that lie within one window of this length. */
function crowdedest(instants: readonly number[], windowMs: number): number {
  const sorted = [...instants].sort((a, b) => a - b);
  let [most, from] = [0, 0];
  for (const [to, at] of sorted.entries()) {
    while (at - (sorted[from] ?? at) > windowMs) from += 1;
    most = Math.max(most, to - from + 1);
  }
  return most / sorted.length;
}

describe('P11: when a failure is tried again', () => {
  it('between a quarter of a second and five minutes, whatever the number of failures', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), random, (failures, chance) => {
        const wait = retryAt(NOW, failures, undefined, () => chance) - NOW;
        expect(wait).toBeGreaterThanOrEqual(250);
        expect(wait).toBeLessThanOrEqual(300_000);
        expect(Number.isInteger(wait)).toBe(true);
      }),
    );
  });

  it.each([
    [1, 1_000],
    [2, 2_000],
    [5, 16_000],
    [9, 256_000],
    [10, 300_000],
    [1_000, 300_000],
  ])('after %d failures at most %d ms later', (failures, ceiling) => {
    expect(retryAt(NOW, failures, undefined, () => 0.999_999) - NOW).toBe(Math.floor(ceiling * 0.999_999));
  });

  it('never before what the server asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.nat(86_400_000),
        random,
        (failures, retryAfterMs, chance) => {
          const at = retryAt(NOW, failures, retryAfterMs, () => chance);
          expect(at).toBeGreaterThanOrEqual(NOW + retryAfterMs);
          expect(at).toBeGreaterThanOrEqual(retryAt(NOW, failures, undefined, () => chance));
        },
      ),
    );
  });
});

describe('when an in-doubt connection is probed', () => {
  const GONE = { sentAt: NOW, mayComeBack: false };

  it.each([
    ['at once where it has no access token', {}, 0],
    ['a minute before its token ends', { expiresAt: NOW + 3_600_000, tokenTtlMs: 3_600_000 }, 3_540_000],
    [
      'a quarter of its life before, where that is shorter',
      { expiresAt: NOW + 60_000, tokenTtlMs: 60_000 },
      45_000,
    ],
    ['at once within the last minute', { expiresAt: NOW + 59_000, tokenTtlMs: 3_600_000 }, 0],
    ['at once where the token is over', { expiresAt: NOW - 1, tokenTtlMs: 3_600_000 }, 0],
    ['a minute before, where the life is not known', { expiresAt: NOW + 600_000 }, 585_000],
  ])('%s', (_what, fields, expected) => {
    expect(probeAt(sampleConnection(fields), NOW, STRICTEST, GONE) - NOW).toBe(expected);
  });

  it.each([
    ['where it has no access token', {}, 15_000],
    ['half a minute at the most', { expiresAt: NOW - 1, tokenTtlMs: 3_600_000 }, 30_000],
    ['a quarter of its life, where that is shorter', { expiresAt: NOW, tokenTtlMs: 8_000 }, 2_000],
    [
      'not at all, where its token lives longer',
      { expiresAt: NOW + 3_600_000, tokenTtlMs: 3_600_000 },
      3_540_000,
    ],
  ])('gives its replica time to come back with the answer: %s', (_what, fields, expected) => {
    expect(probeAt(sampleConnection(fields), NOW, STRICTEST, { sentAt: NOW, mayComeBack: true }) - NOW).toBe(
      expected,
    );
  });

  const hour = sampleConnection({ expiresAt: NOW + 3_600_000, tokenTtlMs: 3_600_000 });
  const LATE = 3_540_000;

  it.each([
    ['at once, where the token was just sent', 30_000, 0, 0],
    ['at once, while more than 10 s of the window are left', 30_000, 19_999, 0],
    ['late, where too little is left', 30_000, 20_000, LATE],
    ['late, where it is over', 30_000, 31_000, LATE],
    ['at once within the first half of a short one', 8_000, 3_999, 0],
    ['late in its second half', 8_000, 4_000, LATE],
    ['late, where there is none', 0, 0, LATE],
  ])('within a grace window %s', (_what, graceWindowMs, ago, expected) => {
    expect(probeAt(hour, NOW, { ...STRICTEST, graceWindowMs }, { ...GONE, sentAt: NOW - ago }) - NOW).toBe(
      expected,
    );
  });

  it.each([
    ['a minute before the refresh token ends, where that is sooner', 1_800_000, 1_740_000],
    ['after three quarters of what is left of it, where that is less than a minute more', 80_000, 60_000],
    ['late, where it has ended already: there is nothing to save by haste', -1, LATE],
  ])('%s', (_what, left, expected) => {
    const connection = { ...hour, refreshExpiresAt: NOW + left };
    expect(probeAt(connection, NOW, STRICTEST, { sentAt: NOW, mayComeBack: false }) - NOW).toBe(expected);
  });

  it('a grace window does not matter where no probe is permitted: its token is served to its end', () => {
    const never = { ...STRICTEST, probe: 'never', graceWindowMs: 60_000 } as const;
    expect(probeAt(hour, NOW, never, GONE) - NOW).toBe(LATE);
  });

  it('a probe within the grace window ends before the window does, and none comes later than without one', () => {
    fc.assert(
      fc.property(fc.nat(3_600_000), fc.nat(120_000), (graceWindowMs, ago) => {
        const at = probeAt(hour, NOW, { ...STRICTEST, graceWindowMs }, { ...GONE, sentAt: NOW - ago });
        expect([NOW, NOW + LATE]).toContain(at);
        if (at === NOW) expect(at).toBeLessThan(NOW - ago + graceWindowMs);
      }),
    );
  });
});
