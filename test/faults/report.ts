import type { Journal } from './fleet/journal.js';
import type { Readers } from './load/readers.js';
import type { Users } from './load/users.js';
import type { Options } from './options.js';
import type { Finding } from './verdict/finding.js';
import type { CampaignRecords } from './verdict/records.js';
import type { Verdict } from './verdict/verdict.js';

const PROGRESS_EVERY_MS = 5_000;
const MOST_FINDINGS = 30;

/** Says how far the campaign is, from time to time. */
export function progress(
  options: Options,
  journal: Journal,
  { readers, users, say }: { readonly readers: Readers; readonly users: Users; say(text: string): void },
): NodeJS.Timeout {
  const startedAt = performance.now();
  return setInterval(() => {
    const seconds = (performance.now() - startedAt) / 1_000;
    const hits = journal.faults.length;
    say(
      `${seconds.toFixed(0).padStart(5)} s: ${hits}/${options.faults} faults (${(hits / seconds).toFixed(1)}/s), ${journal.exchanges.length} exchanges, ${readers.reads} reads, ${readers.refusals} refused, ${users.reconnected} users connected again`,
    );
  }, PROGRESS_EVERY_MS);
}

/** Tells what was found, for people. Answers whether a promise broke. */
export function report(verdict: Verdict, records: CampaignRecords, say: (text: string) => void): boolean {
  const kinds = new Map<string, number>();
  for (const { kind } of records.faults) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  say('Faults that hit:');
  for (const [kind, count] of [...kinds].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    say(`  ${String(count).padStart(5)}  ${kind}`);
  }
  if (verdict.slow > 0) say(`${verdict.slow} doubts because the machine was too slow, without any fault.`);
  findings('Double spends', verdict.doubleSpends, say);
  findings('Silent losses', verdict.silentLosses, say);
  findings('Unexplained', verdict.unexplained, say);
  return [verdict.doubleSpends, verdict.silentLosses, verdict.unexplained].some(({ length }) => length > 0);
}

/** The machine-readable last line. */
export function summaryLine(seed: number, records: CampaignRecords, verdict: Verdict): string {
  const { doubleSpends, silentLosses, inDoubt, probes, reauthorizations, unexplained } = verdict;
  return JSON.stringify({
    seed,
    faults: records.faults.length,
    doubleSpends: doubleSpends.length,
    silentLosses: silentLosses.length,
    inDoubt,
    probes,
    reauthorizations,
    unexplained: unexplained.length,
  });
}

function findings(title: string, found: readonly Finding[], say: (text: string) => void): void {
  if (found.length === 0) return;
  say(`${title}: ${found.length}`);
  for (const { connection, at, what } of found.slice(0, MOST_FINDINGS)) {
    say(`  at ${at.toFixed(0)}${connection === undefined ? '' : ` ${connection}`}: ${what}`);
  }
  if (found.length > MOST_FINDINGS) say(`  and ${found.length - MOST_FINDINGS} more`);
}
