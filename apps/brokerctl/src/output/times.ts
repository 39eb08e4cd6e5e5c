import type { Duration } from '#proto/google/protobuf/duration';
import type { Timestamp } from '#proto/google/protobuf/timestamp';

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** Milliseconds since the epoch. */
export function millisOf(at: Timestamp): number {
  return Number(at.seconds) * 1_000 + Math.floor(at.nanos / 1_000_000);
}

/** Milliseconds. */
export function durationMillis(duration: Duration): number {
  return millisOf(duration);
}

/** RFC 3339 in UTC, to the second. */
export function absolute(at: Timestamp): string {
  return new Date(millisOf(at)).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** A length of time in its two largest units: `1h 5m`. */
export function span(ms: number): string {
  let rest = Math.max(Math.floor(ms / 1_000), 0) * 1_000;
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(' ') || '0s';
}

/** Both: `2026-05-01T12:00:00Z (in 42m 3s)`; a dash for none. */
export function when(at: Timestamp | undefined, now: number): string {
  if (at === undefined) return '-';
  const away = millisOf(at) - now;
  return `${absolute(at)} (${away >= 0 ? `in ${span(away)}` : `${span(-away)} ago`})`;
}
