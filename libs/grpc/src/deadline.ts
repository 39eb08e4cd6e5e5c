import type { Deadline } from '@grpc/grpc-js';
import type { Clock } from '#libs/core';
import { LONGEST_CALL_MS } from './limits.js';

/** For callers that set no deadline: long enough for one exchange with a slow authorization server. */
export const DEFAULT_DEADLINE_MS = 20_000;

/** The answer has to be on its way before the caller gives up: a tenth of the time, at most this much. */
const LARGEST_MARGIN_MS = 200;

/**
 * Until when the domain may work on a call, as a {@link Clock.monotonic} instant: a little before the
 * caller's own deadline, so that the refusal with its reason arrives instead of a bare
 * `DEADLINE_EXCEEDED`; 20 seconds where the caller set none; 60 seconds at the most.
 */
export function deadlineOf(call: { getDeadline(): Deadline }, clock: Clock): number {
  const given = call.getDeadline();
  const at = typeof given === 'number' ? given : given.getTime();
  // The caller's deadline is an instant of this machine's wall clock: grpc-js made it from `grpc-timeout`.
  const left =
    at === Infinity ? DEFAULT_DEADLINE_MS : Math.min(Math.max(at - Date.now(), 0), LONGEST_CALL_MS);
  return clock.monotonic() + left - Math.min(left / 10, LARGEST_MARGIN_MS);
}
