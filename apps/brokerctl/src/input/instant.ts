import { InvalidArgumentError } from 'commander';
import type { Timestamp } from '#proto/google/protobuf/timestamp';

/** For options that are times: RFC 3339, with its offset. */
export function instant(text: string): Timestamp {
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i.test(text)
    ? Date.parse(text)
    : NaN;
  if (Number.isNaN(at)) throw new InvalidArgumentError('It is a time like 2026-05-01T12:00:00Z.');
  const seconds = Math.floor(at / 1_000);
  return { seconds: BigInt(seconds), nanos: (at - seconds * 1_000) * 1_000_000 };
}
