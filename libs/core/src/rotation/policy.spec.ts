import fc from 'fast-check';
import { sampleClient, sampleConnection } from '../../../../test/harness/fakes/index.js';
import { dueAfterRotation, probeAt, retryAt } from './policy.js';

const NOW = 1_900_000_000_000;
const share = fc.double({ min: 0.1, max: 0.9, noNaN: true });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const ttl = fc.integer({ min: 1_000, max: 86_400_000 });

describe('when the next rotation is due', () => {
  it('P11: within the tenth of the life before the OAuth client’s share, and never at the end', () => {
    fc.assert(
      fc.property(share, random, ttl, (rotateAt, chance, tokenTtlMs) => {
        const due = dueAfterRotation(sampleClient({ rotateAt }), NOW, tokenTtlMs, () => chance) - NOW;
        expect(due).toBeLessThanOrEqual(tokenTtlMs * rotateAt);
        expect(due).toBeGreaterThanOrEqual(Math.floor(tokenTtlMs * Math.max(rotateAt - 0.1, 0.05)));
        expect(due).toBeGreaterThan(0);
      }),
    );
  });

  it('P11: tokens issued together do not fall due together', () => {
    const chances = Array.from({ length: 100 }, (_, i) => i / 100);
    const dues = chances.map((chance) => dueAfterRotation(sampleClient(), NOW, 3_600_000, () => chance));
    expect(new Set(dues).size).toBe(100);
    expect(Math.max(...dues) - Math.min(...dues)).toBeGreaterThan(300_000);
  });
});

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
    expect(probeAt(sampleConnection(fields), NOW, false) - NOW).toBe(expected);
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
    expect(probeAt(sampleConnection(fields), NOW, true) - NOW).toBe(expected);
  });
});
