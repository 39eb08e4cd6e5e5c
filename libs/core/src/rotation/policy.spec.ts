import fc from 'fast-check';
import { sampleClient, sampleConnection } from '../../../../test/harness/fakes/index.js';
import { phaseOf } from './phase.js';
import { dueAfterRotation, probeAt, retryAt } from './policy.js';

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
    expect(probeAt(sampleConnection(fields), NOW) - NOW).toBe(expected);
  });
});
