import type {
  IssuedRecord,
  LedgerRecord,
  OutcomeRecord,
  PresentationResult,
  PresentedRecord,
} from './ledger-types.js';

/** One presentation with its outcome, as the judge sees it. */
export interface Presentation {
  presentation: number;
  at: string;
  client_id: string | null;
  /** `pending`: no outcome was recorded (still running, or the server was killed meanwhile). */
  result: PresentationResult | 'pending';
  /** When the first outcome was recorded; null while pending. */
  ended_at: string | null;
  /** Whether another presentation of the same token was still running when this one came. */
  overlapped: boolean;
  status: number | null;
  error?: string;
  fault?: string;
}

/**
 * What the presenter could know when it presented the token again; the worst of all its repetitions counts.
 * - `after_granted`: it had the complete answer, and spent the token again: a double spend;
 * - `concurrent`: the earlier presentation was still running: a double spend;
 * - `after_refused`: it had been told a definite refusal (invalid_grant, invalid_client, …);
 * - `in_doubt`: the earlier answer was lost, cut, or says nothing certain (5xx, HTML): a probe;
 * - `not_processed`: it had been told that the request was not processed (429, 503): a plain retry.
 */
export type Repetition = 'after_granted' | 'concurrent' | 'after_refused' | 'in_doubt' | 'not_processed';

const WORST_FIRST: Repetition[] = [
  'after_granted',
  'concurrent',
  'after_refused',
  'in_doubt',
  'not_processed',
];

/** A refresh token that was presented more than once. */
export interface PresentedTwice {
  fingerprint: string;
  client_id: string | null;
  grant_id: string | null;
  sub: string | null;
  repetition: Repetition;
  presentations: Presentation[];
}

/** The verdict of {@link judgeLedger}. */
export interface LedgerJudgement {
  /** Refresh tokens issued. */
  issued: number;
  /** Presentations of any refresh token, known or not. */
  presented: number;
  /** Presentations of tokens that this server never issued. */
  unknownPresented: number;
  /** Presentations by result. */
  results: Record<PresentationResult | 'pending', number>;
  /** Every token presented more than once, whatever the excuse. */
  presentedTwice: PresentedTwice[];
  /** Those without an excuse: `after_granted` or `concurrent`. Must be empty. */
  doubleSpends: PresentedTwice[];
  /** Presentations of a token that had been spent already, and were refused for it. */
  reuseDetected: number;
  chainsKilled: { grant_id: string; reason: string; at: string }[];
  /** Per chain that is alive: fingerprints of its tokens that were not spent. Healthy is exactly one. */
  liveTokensByChain: Record<string, string[]>;
}

/** Judges a ledger: who presented what how often, and what is left alive. Pure; reads the records only. */
export function judgeLedger(entries: readonly LedgerRecord[]): LedgerJudgement {
  const issued = new Map<string, IssuedRecord>();
  const spent = new Set<string>();
  const outcomes = new Map<number, OutcomeRecord>();
  const byToken = new Map<string, Presentation[]>();
  const killed = new Map<string, { grant_id: string; reason: string; at: string }>();

  // A presentation whose client left early has two outcomes: the last one knows best what became of it,
  // the first one tells when it ended for its presenter. Order in the ledger is finer than its clock.
  const endedAt = new Map<number, { index: number; at: string }>();
  for (const [index, entry] of entries.entries()) {
    if (entry.type !== 'outcome') continue;
    outcomes.set(entry.presentation, entry);
    if (!endedAt.has(entry.presentation)) endedAt.set(entry.presentation, { index, at: entry.at });
  }
  const results = { granted: 0, granted_answer_lost: 0, refused: 0, not_processed: 0, pending: 0 };
  let presented = 0;
  let unknownPresented = 0;
  let reuseDetected = 0;

  for (const [index, entry] of entries.entries()) {
    if (entry.type === 'issued') {
      issued.set(entry.fingerprint, entry);
      // The successor proves the spending, even where the outcome was never written (kill -9).
      if (entry.predecessor !== null) spent.add(entry.predecessor);
    } else if (entry.type === 'chain_revoked') {
      killed.set(entry.grant_id, { grant_id: entry.grant_id, reason: entry.reason, at: entry.at });
    } else if (entry.type === 'presented') {
      presented += 1;
      if (!entry.known) unknownPresented += 1;
      const earlier = byToken.get(entry.fingerprint) ?? [];
      const overlapped = earlier.some((other) => (endedAt.get(other.presentation)?.index ?? -1) > index);
      const outcome = outcomes.get(entry.presentation);
      const presentation = describe(entry, outcome, endedAt.get(entry.presentation)?.at, overlapped);
      results[presentation.result] += 1;
      if (presentation.error === 'invalid_grant' && earlier.some(wasSpent)) reuseDetected += 1;
      byToken.set(entry.fingerprint, [...earlier, presentation]);
      if (wasSpent(presentation)) spent.add(entry.fingerprint);
    }
  }

  const presentedTwice = [...byToken]
    .filter(([, presentations]) => presentations.length > 1)
    .map(([fingerprint, presentations]): PresentedTwice => {
      const token = issued.get(fingerprint);
      return {
        fingerprint,
        client_id: token?.client_id ?? presentations[0]?.client_id ?? null,
        grant_id: token?.grant_id ?? null,
        sub: token?.sub ?? null,
        repetition: worstRepetition(presentations),
        presentations,
      };
    });

  return {
    issued: issued.size,
    presented,
    unknownPresented,
    results,
    presentedTwice,
    doubleSpends: presentedTwice.filter(
      (t) => t.repetition === 'after_granted' || t.repetition === 'concurrent',
    ),
    reuseDetected,
    chainsKilled: [...killed.values()],
    liveTokensByChain: liveTokens(issued, spent, killed),
  };
}

function describe(
  presented: PresentedRecord,
  outcome: OutcomeRecord | undefined,
  endedAt: string | undefined,
  overlapped: boolean,
): Presentation {
  return {
    presentation: presented.presentation,
    at: presented.at,
    client_id: presented.client_id,
    result: outcome?.result ?? 'pending',
    ended_at: endedAt ?? null,
    overlapped,
    status: outcome?.status ?? null,
    ...(outcome?.error === undefined ? {} : { error: outcome.error }),
    ...(outcome?.fault === undefined ? {} : { fault: outcome.fault }),
  };
}

function wasSpent(presentation: Presentation): boolean {
  return presentation.result === 'granted' || presentation.result === 'granted_answer_lost';
}

function worstRepetition(presentations: Presentation[]): Repetition {
  const found = new Set<Repetition>();
  for (const [index, later] of presentations.entries()) {
    if (later.overlapped) found.add('concurrent');
    else for (const earlier of presentations.slice(0, index)) found.add(repetition(earlier));
  }
  return WORST_FIRST.find((candidate) => found.has(candidate)) ?? 'in_doubt';
}

function repetition(earlier: Presentation): Repetition {
  // A pending one may have died with the server: then its presenter saw a cut connection.
  if (earlier.result === 'pending') return 'in_doubt';
  if (earlier.result === 'granted')
    return earlier.fault === 'omit_refresh_token' ? 'in_doubt' : 'after_granted';
  if (earlier.result === 'refused') return (earlier.status ?? 500) >= 500 ? 'in_doubt' : 'after_refused';
  if (earlier.result === 'not_processed' && (earlier.status === 429 || earlier.status === 503))
    return 'not_processed';
  return 'in_doubt';
}

function liveTokens(
  issued: Map<string, IssuedRecord>,
  spent: Set<string>,
  killed: Map<string, unknown>,
): Record<string, string[]> {
  const live: Record<string, string[]> = {};
  for (const token of issued.values()) {
    if (killed.has(token.grant_id)) continue;
    const chain = (live[token.grant_id] ??= []);
    if (!spent.has(token.fingerprint)) chain.push(token.fingerprint);
  }
  return live;
}
