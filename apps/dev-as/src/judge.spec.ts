import { judgeLedger } from './judge.js';
import type { LedgerRecord, OutcomeRecord } from './ledger-types.js';

const at = '2026-01-01T00:00:00.000Z';

function issued(fingerprint: string, predecessor: string | null = null, grant_id = 'g1'): LedgerRecord {
  return { type: 'issued', at, fingerprint, client_id: 'c', grant_id, sub: 'ada', predecessor, rotations: 0 };
}

function presented(presentation: number, fingerprint: string, known = true): LedgerRecord {
  return { type: 'presented', at, presentation, fingerprint, client_id: 'c', known };
}

function outcome(
  presentation: number,
  result: OutcomeRecord['result'],
  more: Partial<OutcomeRecord> = {},
): LedgerRecord {
  return { type: 'outcome', at, presentation, result, status: result === 'granted' ? 200 : null, ...more };
}

describe('judgeLedger', () => {
  it('finds nothing in an empty ledger', () => {
    expect(judgeLedger([])).toMatchObject({ issued: 0, presented: 0, presentedTwice: [], doubleSpends: [] });
  });

  it('passes a clean chain, and names its one live token', () => {
    const ledger = [
      issued('a'),
      presented(1, 'a'),
      issued('b', 'a'),
      outcome(1, 'granted'),
      presented(2, 'b'),
    ];
    const judgement = judgeLedger([...ledger, issued('c', 'b'), outcome(2, 'granted')]);
    expect(judgement).toMatchObject({
      issued: 3,
      presented: 2,
      presentedTwice: [],
      liveTokensByChain: { g1: ['c'] },
    });
  });

  it('must fail: presented again after a complete answer', () => {
    const spent = [issued('a'), presented(1, 'a'), issued('b', 'a'), outcome(1, 'granted')];
    const reuse = [presented(2, 'a'), outcome(2, 'refused', { status: 400, error: 'invalid_grant' })];
    const killed: LedgerRecord = { type: 'chain_revoked', at, grant_id: 'g1', reason: 'reuse' };
    const judgement = judgeLedger([...spent, ...reuse, killed]);
    expect(judgement.doubleSpends).toMatchObject([
      { fingerprint: 'a', grant_id: 'g1', repetition: 'after_granted' },
    ]);
    expect(judgement).toMatchObject({
      reuseDetected: 1,
      chainsKilled: [{ grant_id: 'g1' }],
      liveTokensByChain: {},
    });
  });

  it('must fail: presented again while the first was still running, even within one millisecond', () => {
    const judgement = judgeLedger([
      issued('a'),
      presented(1, 'a'),
      presented(2, 'a'),
      issued('b', 'a'),
      outcome(2, 'granted'),
      outcome(1, 'refused', { status: 400, error: 'invalid_grant' }),
    ]);
    expect(judgement.doubleSpends).toMatchObject([{ fingerprint: 'a', repetition: 'concurrent' }]);
    expect(judgement.reuseDetected).toBe(0);
  });

  it('must fail: a third presentation that no doubt excuses', () => {
    const judgement = judgeLedger([
      issued('a'),
      presented(1, 'a'),
      outcome(1, 'not_processed', { status: 503 }),
      presented(2, 'a'),
      outcome(2, 'granted'),
      presented(3, 'a'),
      outcome(3, 'refused', { status: 400, error: 'invalid_grant' }),
    ]);
    expect(judgement.doubleSpends).toMatchObject([{ repetition: 'after_granted' }]);
  });

  it.each([
    ['in_doubt', outcome(1, 'granted_answer_lost', { fault: 'drop_answer' })],
    ['in_doubt', outcome(1, 'granted_answer_lost', { status: 500, fault: 'error_500_after' })],
    ['in_doubt', outcome(1, 'granted', { fault: 'omit_refresh_token' })],
    ['in_doubt', outcome(1, 'not_processed', { status: 500 })],
    ['in_doubt', outcome(1, 'not_processed', { fault: 'drop_request' })],
    ['not_processed', outcome(1, 'not_processed', { status: 429 })],
    ['not_processed', outcome(1, 'not_processed', { status: 503 })],
    ['after_refused', outcome(1, 'refused', { status: 401, error: 'invalid_client' })],
  ] as const)('lists, but excuses, a repetition %s: %j', (repetition, first) => {
    const judgement = judgeLedger([
      issued('a'),
      presented(1, 'a'),
      first,
      presented(2, 'a'),
      outcome(2, 'granted'),
    ]);
    expect(judgement.presentedTwice).toMatchObject([{ fingerprint: 'a', repetition }]);
    expect(judgement.doubleSpends).toEqual([]);
  });

  it('takes the last outcome for what happened and the first for when it ended', () => {
    const judgement = judgeLedger([
      issued('a'),
      presented(1, 'a'),
      outcome(1, 'not_processed'),
      presented(2, 'a'),
      issued('b', 'a'),
      outcome(1, 'granted_answer_lost'),
      outcome(2, 'refused', { status: 400, error: 'invalid_grant' }),
    ]);
    expect(judgement.presentedTwice).toMatchObject([
      { repetition: 'in_doubt', presentations: [{ result: 'granted_answer_lost' }, { overlapped: false }] },
    ]);
  });

  it('knows a token as spent by its successor when the server died before the outcome', () => {
    const judgement = judgeLedger([issued('a'), presented(1, 'a'), issued('b', 'a')]);
    expect(judgement).toMatchObject({ results: { pending: 1 }, liveTokensByChain: { g1: ['b'] } });
  });

  it('shows a chain whose last answer was lost as alive with an undelivered token', () => {
    const judgement = judgeLedger([
      issued('a'),
      presented(1, 'a'),
      issued('b', 'a'),
      outcome(1, 'granted_answer_lost'),
    ]);
    expect(judgement.liveTokensByChain).toEqual({ g1: ['b'] });
  });

  it('counts tokens that were never issued', () => {
    const judgement = judgeLedger([
      presented(1, 'x', false),
      outcome(1, 'refused', { error: 'invalid_grant' }),
    ]);
    expect(judgement).toMatchObject({ presented: 1, unknownPresented: 1, reuseDetected: 0 });
  });
});
