import fc from 'fast-check';
import { lifeLeft, longestTtl, skewAllowance, wantedTtl } from './life.js';

const tokenOf = (ttlMs: number): { requestedAt: number; expiresAt: number } => ({
  requestedAt: 1_000_000,
  expiresAt: 1_000_000 + ttlMs,
});

describe('P5: the life of a token', () => {
  it.each([
    [3_600_000, 10_000],
    [200_000, 10_000],
    [100_000, 5_000],
    [10_000, 500],
    [0, 0],
  ])('of %d ms allows %d ms for clocks that differ', (ttlMs, expected) => {
    expect(skewAllowance(ttlMs)).toBe(expected);
  });

  it.each([
    [0, 3_590_000],
    [3_000_000, 590_000],
    [3_590_000, 0],
    [3_600_000, -10_000],
  ])('after %d ms has %d ms left for sure', (age, left) => {
    expect(lifeLeft(tokenOf(3_600_000), 1_000_000 + age)).toBe(left);
  });

  it('is never said to be longer than it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 0, max: 1e9 }), (ttlMs, age) => {
        const { requestedAt, expiresAt } = tokenOf(ttlMs);
        expect(lifeLeft({ requestedAt, expiresAt }, requestedAt + age)).toBeLessThanOrEqual(ttlMs - age);
      }),
    );
  });

  it('can satisfy its longest min_ttl when it is fresh, and for a while after', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 1e9 }), (ttlMs) => {
        const token = tokenOf(ttlMs);
        const exchange = skewAllowance(ttlMs);
        expect(lifeLeft(token, token.requestedAt + exchange)).toBeGreaterThanOrEqual(longestTtl(ttlMs));
      }),
    );
  });

  it.each([
    [undefined, 3_600_000, 30_000],
    [undefined, 60_000, 15_000],
    [0, 3_600_000, 0],
    [600_000, 60_000, 600_000],
  ])('asked for %s ms of a token of %d ms means %d ms', (minTtlMs, ttlMs, wanted) => {
    expect(wantedTtl(minTtlMs, tokenOf(ttlMs))).toBe(wanted);
  });
});
