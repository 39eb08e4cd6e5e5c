import type { Duration } from '#proto/google/protobuf/duration';
import { UsageError } from '../usage-error.js';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads `30s`, `5m`, `1h30m`, `500ms`; a bare number is seconds. In milliseconds.
 * @throws {UsageError}
 */
export function parseDuration(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const parts = [...text.matchAll(/(\d{1,9})(ms|[smhd])/gy)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) {
    throw new UsageError(`"${text}" is not a duration. Write it as 30s, 5m or 1h30m.`);
  }
  return parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNIT_MS[unit] ?? 0), 0);
}

/** A `google.protobuf.Duration` of milliseconds. */
export function toDuration(ms: number): Duration {
  const seconds = Math.floor(ms / 1_000);
  return { seconds: BigInt(seconds), nanos: (ms - seconds * 1_000) * 1_000_000 };
}
