import { keepsItsToken } from './double-spends.js';
import type { Finding } from './finding.js';
import type { History, KnownPresentation } from './history.js';

/**
 * Promise P4: a connection that says that all is well while its refresh token is worth nothing. Found when it
 * is spent, when a row goes back to a generation that it has left, and by a last rotation in the end.
 */
export function silentLosses(history: History): Finding[] {
  return [...refusedWhileActive(history), ...generationsThatWentBack(history), ...lostInTheEnd(history)];
}

function refusedWhileActive(history: History): Finding[] {
  return [...history.presentations.values()].flat().flatMap((presentation) => {
    const { attempt, outcome, at, connection } = presentation;
    if (outcome?.result !== 'refused' || outcome.error !== 'invalid_grant') return [];
    if (!wasHeard(presentation) || attempt?.inDoubt || isExcusedRefusal(history, presentation)) return [];
    return [
      {
        at,
        ...(connection === undefined ? {} : { connection }),
        what: `was ACTIVE at generation ${attempt?.generation ?? '?'}, and the server refused its refresh token (attempt ${attempt?.id ?? '?'})`,
      },
    ];
  });
}

/** Where the presenter had gone before the answer, nobody heard the refusal: that exchange ended in doubt. */
function wasHeard({ outcome, exchange }: KnownPresentation): boolean {
  return outcome?.status !== null && (exchange === undefined || exchange.answeredAt !== undefined);
}

/** A refusal of an active connection's token that the server itself has brought about, or a probe. */
export function isExcusedRefusal(history: History, presentation: KnownPresentation): boolean {
  const same = history.presentations.get(presentation.fingerprint) ?? [];
  return same.some(keepsItsToken) || endedByItsProbe(history, presentation);
}

/**
 * A probe is a gamble, and two ways to lose it show only later. An answer that came late is saved although
 * the probe has been sent (decision 0007), or the first request, which was held up, is processed after the
 * probe was granted: in both cases the server has seen the token twice, and has ended the chain. The doubt had
 * been declared; the same authorization ends at the next rotation.
 */
function endedByItsProbe(history: History, { attempt, grantId, at, sentAt }: KnownPresentation): boolean {
  const reusedAt = grantId === undefined ? undefined : history.reuses.get(grantId);
  if (!attempt || reusedAt === undefined || reusedAt > at) return false;
  return (history.presentationsOfChain.get(grantId ?? '') ?? []).some(
    (one) => one.attempt?.inDoubt === true && one.attempt.epoch === attempt.epoch && one.sentAt < sentAt,
  );
}

function generationsThatWentBack(history: History): Finding[] {
  return history.changes.flatMap(({ before, after }) => {
    if (!before || (after.generation >= before.generation && after.epoch >= before.epoch)) return [];
    const { at, connection } = after;
    const what = `went back from generation ${before.generation} to ${after.generation}`;
    return [{ at, connection, what }];
  });
}

function lostInTheEnd(history: History): Finding[] {
  return history.records.ends.flatMap(({ connection, state, lastRotation, detail }) =>
    state === 'ACTIVE' && lastRotation === 'refused'
      ? [{ at: Infinity, connection, what: `ended ACTIVE, and its refresh token is refused: ${detail}` }]
      : [],
  );
}
