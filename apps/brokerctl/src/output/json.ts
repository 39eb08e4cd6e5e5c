import type { Duration } from '#proto/google/protobuf/duration';
import type { Timestamp } from '#proto/google/protobuf/timestamp';

/** What {@link toJson} writes. */
export type Json = string | number | boolean | null | Json[] | { [field: string]: Json };

/** How the enums of a message are called, by the field that has them. */
export type EnumNames = Readonly<Record<string, Readonly<Record<number, string>>>>;

/**
 * A message in the JSON mapping of Protocol Buffers, with the field names of the `.proto` files: 64-bit
 * numbers and durations as strings, times in RFC 3339, enums by name. Unset messages are left out.
 */
export function toJson(message: unknown, enums: EnumNames, field = ''): Json {
  const names = enums[field];
  if (typeof message === 'number' && names) return names[message] ?? message;
  if (typeof message === 'bigint') return message.toString();
  if (Array.isArray(message)) return message.map((one: unknown) => toJson(one, enums, field));
  if (typeof message === 'string' || typeof message === 'number' || typeof message === 'boolean')
    return message;
  if (typeof message !== 'object' || message === null) return null;
  if (isSecondsAndNanos(message)) return field.endsWith('_time') ? timestamp(message) : duration(message);
  const fields = Object.entries(message).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    fields.map(([name, value]) => {
      // The one kind of map in the contract; its keys are names already.
      const snake =
        field === 'values' ? name : name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      return [snake, toJson(value, enums, snake)];
    }),
  );
}

function isSecondsAndNanos(message: object): message is Timestamp | Duration {
  return 'seconds' in message && 'nanos' in message;
}

function timestamp({ seconds, nanos }: Timestamp): string {
  return new Date(Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000)).toISOString();
}

function duration({ seconds, nanos }: Duration): string {
  const fraction = nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
  return `${seconds}${fraction}s`;
}
