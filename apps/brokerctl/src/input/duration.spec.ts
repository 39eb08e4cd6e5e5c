import { span } from '../output/times.js';
import { parseDuration, toDuration } from './duration.js';

describe('durations', () => {
  test.each([
    ['30', 30_000],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['2d', 172_800_000],
    ['0', 0],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', 'm', '5 m', '-5m', '5x', '1.5h', '5m!', '5m3'])('not %j', (text) => {
    expect(() => parseDuration(text)).toThrow(/is not a duration/);
  });

  test('on the wire', () => {
    expect(toDuration(1_500)).toEqual({ seconds: 1n, nanos: 500_000_000 });
  });

  test.each([
    [0, '0s'],
    [999, '0s'],
    [61_000, '1m 1s'],
    [3_600_000, '1h'],
    [3_601_000, '1h'],
    [90_061_000, '1d 1h'],
    [-5, '0s'],
  ])('a span of %i ms is %s', (ms, text) => {
    expect(span(ms)).toBe(text);
  });
});
