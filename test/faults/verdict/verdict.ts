import type { Timings } from '../fleet/timings.js';
import { Causes, type Cause } from './causes.js';
import { doubleSpends } from './double-spends.js';
import type { Finding } from './finding.js';
import { History, type Change } from './history.js';
import { isExcusedRefusal, silentLosses } from './losses.js';
import type { CampaignRecords } from './records.js';

/** What a campaign came to. The first three must be empty. */
export interface Verdict {
  readonly doubleSpends: readonly Finding[];
  readonly silentLosses: readonly Finding[];
  readonly unexplained: readonly Finding[];
  /** How often a connection came into doubt. */
  readonly inDoubt: number;
  /** How many probes were made. */
  readonly probes: number;
  /** How often a user had to be asked again, each for a reason that was found. */
  readonly reauthorizations: number;
  /** Doubts that the machine's slowness alone made; they are explained, and told apart. */
  readonly slow: number;
}

/** Faults that keep a replica from starting. */
const KEEPS_FROM_STARTING = /^(database_|postgres_|everything_|cut_off_|lock_|commit_|claim_|disk_full|stop)/;

/** How long before its end a start may have been hit by one. */
const START_MS = 90_000;

/**
 * Judges a campaign. Everything that happened is either as promised, or explained by a fault that was seen to
 * hit it, or unexplained; nothing is excused because faults were about in general.
 */
export function judgeCampaign(
  records: CampaignRecords,
  { exchangeTimeoutMs, attemptDeadlineMs }: Pick<Timings, 'exchangeTimeoutMs' | 'attemptDeadlineMs'>,
): Verdict {
  const history = new History(records);
  const causes = new Causes(history, exchangeTimeoutMs, attemptDeadlineMs);
  const doubts = history.changes.filter(isDoubt);
  const ended = history.changes.filter(isEndOfAuthorization);
  const explained = new Map(doubts.map((change) => [change, causeOf(change, history, causes)]));
  return {
    doubleSpends: doubleSpends(history, causes),
    silentLosses: silentLosses(history),
    unexplained: [
      ...doubts.flatMap((change) => (explained.get(change) ? [] : [untold(change, 'came into doubt')])),
      ...ended.flatMap((change) => {
        const objection = objectionToEnd(change, history, causes, explained);
        return objection === undefined ? [] : [untold(change, `REAUTHORIZATION_REQUIRED: ${objection}`)];
      }),
      ...unknownTokens(history),
      ...remarks(records),
      ...missedReads(records, history),
      ...withoutEnd(records),
    ],
    inDoubt: doubts.length,
    probes: records.requests.filter(({ inDoubt }) => inDoubt).length,
    reauthorizations: ended.length,
    slow: [...explained.values()].filter((cause) => cause && 'slow' in cause).length,
  };
}

function isDoubt({ before, after }: Change): boolean {
  return after.state === 'IN_DOUBT' && before?.state !== 'IN_DOUBT';
}

function isEndOfAuthorization({ before, after }: Change): boolean {
  return (
    after.state === 'REAUTHORIZATION_REQUIRED' &&
    before !== undefined &&
    before.state !== 'REAUTHORIZATION_REQUIRED'
  );
}

function causeOf({ after }: Change, history: History, causes: Causes): Cause | undefined {
  const attempt = history.attempts.get(after.lastAttemptId ?? '');
  return attempt && causes.of(attempt, after.at);
}

/** Why nothing explains that a user is asked again; `undefined` where something does. */
function objectionToEnd(
  change: Change,
  history: History,
  causes: Causes,
  doubts: ReadonlyMap<Change, Cause | undefined>,
): string | undefined {
  const { after } = change;
  const attempt = history.attempts.get(after.lastAttemptId ?? '');
  if (!attempt) return `by an attempt that nobody committed (${after.lastAttemptId ?? 'none'})`;
  const presentation = history.presentationOfAttempt.get(attempt.id);
  if (!attempt.inDoubt) {
    // Told as a silent loss as well.
    return presentation && isExcusedRefusal(history, presentation)
      ? undefined
      : `${after.errorCode ?? 'no reason'}, and it was not in doubt`;
  }
  const doubted = [...doubts.keys()].some(
    (doubt) =>
      doubt.after.connection === after.connection &&
      doubt.after.generation === after.generation &&
      doubt.after.epoch === after.epoch &&
      doubt.after.at <= after.at &&
      doubts.get(doubt) !== undefined,
  );
  if (!doubted) return 'after a doubt that nothing explains';
  if (after.errorCode === 'invalid_grant') {
    const spent = presentation !== undefined && history.spent.has(presentation.fingerprint);
    // Or an earlier probe had ended the chain already.
    if (spent || (presentation && isExcusedRefusal(history, presentation))) return undefined;
    return 'refused although the token had not been spent';
  }
  if (after.errorCode === 'in_doubt_unresolved') {
    return causes.of(attempt, after.at) ? undefined : 'nothing explains that the probe was not answered';
  }
  return `with the reason ${after.errorCode ?? 'none'}`;
}

function untold({ after }: Change, what: string): Finding {
  const { at, connection, generation, errorCode, lastAttemptId } = after;
  return {
    at,
    connection,
    what: `${what} (generation ${generation}, ${errorCode ?? 'no error'}, attempt ${lastAttemptId ?? 'none'})`,
  };
}

function unknownTokens(history: History): Finding[] {
  return [...history.presentations.values()]
    .flat()
    .filter(({ known }) => !known)
    .map(({ at, fingerprint }) => ({
      at,
      what: `presented ${fingerprint.slice(0, 12)}, which nobody issued`,
    }));
}

function remarks(records: CampaignRecords): Finding[] {
  return records.remarks.flatMap(({ at, what, replica, connection, detail }) => {
    if (what === 'start_failed' && keptFromStarting(records, replica, at)) return [];
    return [
      {
        at,
        ...(connection === undefined ? {} : { connection }),
        what: `${what}${replica === undefined ? '' : ` at ${replica}`}: ${detail}`,
      },
    ];
  });
}

function keptFromStarting(records: CampaignRecords, replica: string | undefined, at: number): boolean {
  return records.faults.some(
    (fault) =>
      KEEPS_FROM_STARTING.test(fault.kind) &&
      (fault.replica === undefined || fault.replica === replica) &&
      fault.at <= at &&
      fault.until >= at - START_MS,
  );
}

/** In the end every connection is active and rotates. */
function withoutEnd({ ends }: CampaignRecords): Finding[] {
  return ends
    .filter(({ lastRotation }) => lastRotation !== 'granted' && lastRotation !== 'refused')
    .map(({ connection, state, detail }) => ({
      at: Infinity,
      connection,
      what: `ended ${state} without a last rotation: ${detail ?? 'not tried'}`,
    }));
}

/** Promise P6: a token that is still good is served on, except where its connection has ended meanwhile. */
function missedReads(records: CampaignRecords, history: History): Finding[] {
  return records.missedReads.flatMap(({ connection, heldSince, refusedAt, replica, refusal }) => {
    const versions = history.versionsOf(connection);
    const before = versions.findLast(({ at }) => at <= heldSince);
    const during = versions.filter(({ at }) => at > heldSince && at <= refusedAt);
    const had = [before, ...during].some((version) => version?.state === 'REAUTHORIZATION_REQUIRED');
    if (had) return [];
    return [{ at: refusedAt, connection, what: `P6: ${replica} refused a token that it held: ${refusal}` }];
  });
}
