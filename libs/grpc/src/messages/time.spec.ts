import fc from 'fast-check';
import {
  checkedMillis,
  durationFromMillis,
  millisFromDuration,
  millisFromTimestamp,
  timestampFromMillis,
} from './time.js';

describe('times on the wire', () => {
  test('instants come back to the millisecond, before 1970 as well', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), (at) => {
        const wire = timestampFromMillis(at);
        expect(wire.nanos).toBeGreaterThanOrEqual(0);
        expect(wire.nanos).toBeLessThan(1_000_000_000);
        expect(millisFromTimestamp(wire)).toBe(at);
      }),
    );
  });

  test('fractions of a millisecond are rounded down going out and up coming in', () => {
    expect(timestampFromMillis(1_000.9)).toEqual({ seconds: 1n, nanos: 0 });
    expect(durationFromMillis(1_499.9)).toEqual({ seconds: 1n, nanos: 499_000_000 });
    expect(millisFromDuration({ seconds: 1n, nanos: 1 })).toBe(1_001);
  });

  test('a duration within its range', () => {
    expect(checkedMillis({ seconds: 0n, nanos: 0 }, 'min_ttl', 1_000)).toBe(0);
    expect(checkedMillis({ seconds: 1n, nanos: 0 }, 'min_ttl', 1_000)).toBe(1_000);
  });

  test.each([
    { seconds: -1n, nanos: 0 },
    { seconds: 0n, nanos: -1 },
    { seconds: 0n, nanos: 1_000_000_000 },
    { seconds: 1n, nanos: 1 },
    { seconds: 2n ** 63n - 1n, nanos: 0 },
    { seconds: -(2n ** 63n), nanos: 0 },
  ])('a duration beyond it: %p', (duration) => {
    expect(() => checkedMillis(duration, 'min_ttl', 1_000)).toThrow(
      /^min_ttl is a duration between 0 and 1 s/,
    );
  });
});
