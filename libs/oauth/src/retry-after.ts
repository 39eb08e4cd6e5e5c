const LONGEST_MS = 24 * 60 * 60_000;

/**
 * The wait that `Retry-After` asks for (RFC 9110 section 10.2.3), in milliseconds, at most a day;
 * `undefined` where there is none or it makes no sense.
 * @param retryAfter seconds, or an HTTP date
 * @param date the answer's own `Date`, so that a server whose clock is off is understood all the same
 */
export function retryAfterMs(retryAfter: string | undefined, date: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  const value = retryAfter.trim();
  if (/^\d{1,9}$/.test(value)) return Math.min(Number(value) * 1_000, LONGEST_MS);
  const wait = httpDate(value) - httpDate(date ?? '');
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), LONGEST_MS);
}

/** Date.parse takes much that is no date (`"-5"`): only what begins with the name of a day is one. */
function httpDate(value: string): number {
  return /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value) ? Date.parse(value) : Number.NaN;
}
