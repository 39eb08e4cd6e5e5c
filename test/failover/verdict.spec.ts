import type { Measured } from './measured.js';
import type { ReadFigures } from './observe/readers.js';
import { brokenPromises } from './verdict.js';

const READS: ReadFigures = {
  reads: 1_000,
  refused: {},
  needlesslyRefused: 0,
  p50Ms: 1,
  p99Ms: 10,
  maxMs: 50,
  slow: 0,
};

/** A failover as it should be. */
const GOOD: Measured = {
  scenario: 'killed',
  promotes: true,
  faultToPromotionMs: 9_000,
  promotionToRestApiMs: -100,
  promotionToFirstWriteMs: 100,
  promotionToFirstRotationMs: { 'broker-1': 1_000, 'broker-2': 2_000 },
  rotationsPerMinute: { before: 400, after: 400 },
  answersThatWaited: 9,
  heldReads: { before: READS, during: READS, after: READS },
  rotatingReads: { before: READS, during: { ...READS, refused: { DATABASE_UNAVAILABLE: 9 } }, after: READS },
  writes: { acknowledged: 600, lost: 0, byOldPrimaryAfterPromotion: 0 },
  doubleSpends: 0,
  presentedAgain: { in_doubt: 1 },
  chainsKilled: 0,
  failedRotations: {},
  doubted: { replica_gone: 1 },
  denied: {},
  takenOver: 1,
  lostLineages: 0,
  notSettled: [],
  faults: [],
  seen: { 'a write past HAProxy': 'not acknowledged' },
};

describe('the verdict of a failover', () => {
  it('is kept where every promise held', () => {
    expect(brokenPromises(GOOD, false)).toEqual([]);
  });

  it.each<[string, Partial<Measured>]>([
    ['nobody was promoted', { faultToPromotionMs: null }],
    ['a replica resumed too late', { promotionToFirstRotationMs: { 'broker-1': 30_001 } }],
    ['a replica never resumed', { promotionToFirstRotationMs: { 'broker-1': 5, 'broker-2': null } }],
    ['P1: a refresh token was spent twice', { doubleSpends: 1 }],
    ['a lineage was ended for reuse', { chainsKilled: 1 }],
    ['P4: a connection did not come back', { lostLineages: 1 }],
    [
      'P6: a read of a held token was refused',
      { heldReads: reads({ refused: { DATABASE_UNAVAILABLE: 1 } }) },
    ],
    ['P6: a read of a held token waited', { heldReads: reads({ slow: 1 }) }],
    ['P6: a token with life in it was refused', { rotatingReads: reads({ needlesslyRefused: 1 }) }],
    ['the database lost a commit', { writes: { ...GOOD.writes, lost: 1 } }],
    ['the old primary went on', { writes: { ...GOOD.writes, byOldPrimaryAfterPromotion: 1 } }],
    ['a broker reported a fault', { faults: ['broker-1: fault'] }],
    ['what was seen of the old primary is wrong', { seen: { demoted: 'BROKEN: never' } }],
  ])('is broken where %s', (_what, change) => {
    expect(brokenPromises({ ...GOOD, ...change }, false)).toHaveLength(1);
  });

  it('demands that commits are lost where the scenario is made for it, and only there', () => {
    expect(brokenPromises(GOOD, true)).toEqual(['no commit was lost: the scenario proves nothing']);
    expect(brokenPromises({ ...GOOD, writes: { ...GOOD.writes, lost: 70 } }, true)).toEqual([]);
  });

  function reads(change: Partial<ReadFigures>): Measured['heldReads'] {
    return { before: READS, during: { ...READS, ...change }, after: READS };
  }
});
