import type { Causes } from './causes.js';
import type { Finding } from './finding.js';
import type { History, KnownPresentation } from './history.js';

/**
 * Promise P1: a generation is presented once. Presenting it again is excused in two ways only: every time
 * before, the server had said that it did not process the request; or this is the one probe of a connection
 * that was in doubt when the attempt was committed, and nobody was at the first exchange any more.
 */
export function doubleSpends(history: History, causes: Causes): Finding[] {
  const found: Finding[] = [];
  for (const arrived of history.presentations.values()) {
    // In the order of their sending: what was held up on its way is no second try.
    const presentations = arrived.toSorted((a, b) => a.sentAt - b.sentAt);
    for (const [index, later] of presentations.entries()) {
      if (index === 0) continue;
      const earlier = presentations.slice(0, index);
      const objection = objectionTo(later, earlier, causes);
      if (objection === undefined) continue;
      const { at, connection } = later;
      found.push({
        at,
        ...(connection === undefined ? {} : { connection }),
        what: `${objection}: generation ${later.attempt?.generation ?? '?'}, fingerprint ${later.fingerprint.slice(0, 12)}, presentation ${index + 1} by ${later.exchange?.replica ?? '?'} (attempt ${later.attempt?.id ?? '?'})`,
      });
    }
  }
  return found;
}

function objectionTo(
  later: KnownPresentation,
  earlier: readonly KnownPresentation[],
  causes: Causes,
): string | undefined {
  const spent = earlier.filter((one) => !wasTurnedAway(one) && !keepsItsToken(one));
  if (spent.length === 0) return undefined;
  if (later.attempt === undefined) return 'presented again by an attempt that nobody committed';
  if (!later.attempt.inDoubt) return 'presented again, and the connection was not in doubt';
  if (spent.some(({ attempt }) => attempt?.inDoubt)) return 'probed twice';
  const alive = spent.find(({ exchange, sentAt }) => {
    if (!exchange) return false;
    const endedAt = exchange.endedAt ?? Infinity;
    return endedAt > later.sentAt && !causes.coveredUp(exchange.replica, sentAt, later.sentAt);
  });
  return alive ? 'probed while the first exchange was still under way' : undefined;
}

/**
 * RFC 6749 section 6: an answer without a refresh token says that the old one stays good. Where the server
 * says so of a token that it has spent, nobody can know better.
 */
export function keepsItsToken({ outcome }: KnownPresentation): boolean {
  return outcome?.result === 'granted' && outcome.fault === 'omit_refresh_token';
}

/** The server's word that it did not look at the token, which the presenter could know. */
export function wasTurnedAway({ outcome }: KnownPresentation): boolean {
  if (!outcome) return false;
  const { result, status, error } = outcome;
  if (result === 'not_processed') return status === 429 || status === 503 || status === 400;
  return result === 'refused' && error !== 'invalid_grant' && status !== null && status < 500;
}
