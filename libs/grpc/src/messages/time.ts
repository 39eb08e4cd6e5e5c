import { BrokerError } from '#libs/core';
import type { Duration } from '#proto/google/protobuf/duration';
import type { Timestamp } from '#proto/google/protobuf/timestamp';

const NANOS_PER_MS = 1_000_000;
const LARGEST_NANOS = 999_999_999;

/** A `google.protobuf.Timestamp` of an instant in milliseconds since the epoch, rounded down. */
export function timestampFromMillis(at: number): Timestamp {
  const whole = Math.floor(at);
  const seconds = Math.floor(whole / 1_000);
  return { seconds: BigInt(seconds), nanos: (whole - seconds * 1_000) * NANOS_PER_MS };
}

/** As {@link timestampFromMillis}, for instants that may be missing. */
export function optionalTimestamp(at: number | undefined): Timestamp | undefined {
  return at === undefined ? undefined : timestampFromMillis(at);
}

/** An instant in milliseconds since the epoch. */
export function millisFromTimestamp(at: Timestamp): number {
  return Number(at.seconds) * 1_000 + Math.floor(at.nanos / NANOS_PER_MS);
}

/** A `google.protobuf.Duration` of whole milliseconds, rounded down; not for negative ones. */
export function durationFromMillis(ms: number): Duration {
  return timestampFromMillis(ms);
}

/** As {@link durationFromMillis}, for durations that may be missing. */
export function optionalDuration(ms: number | undefined): Duration | undefined {
  return ms === undefined ? undefined : durationFromMillis(ms);
}

/** A duration in milliseconds, rounded up, without a look at its range. */
export function millisFromDuration(duration: Duration): number {
  return Number(duration.seconds) * 1_000 + Math.ceil(duration.nanos / NANOS_PER_MS);
}

/**
 * A caller's duration in milliseconds, rounded up so that a caller never gets less than it asked for.
 * @throws {BrokerError} `INVALID_REQUEST` where it is not a valid `google.protobuf.Duration`, negative, or
 *   longer than `longestMs`
 */
export function checkedMillis(duration: Duration, field: string, longestMs: number): number {
  const { seconds, nanos } = duration;
  const ms = millisFromDuration(duration);
  if (seconds < 0n || nanos < 0 || nanos > LARGEST_NANOS || ms > longestMs) {
    throw BrokerError.of(
      'INVALID_REQUEST',
      `${field} is a duration between 0 and ${longestMs / 1_000} s, with nanos between 0 and ${LARGEST_NANOS}.`,
    );
  }
  return ms;
}
