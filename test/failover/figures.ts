import type { LedgerJudgement } from '../../apps/dev-as/src/index.js';
import type { Unhealthy } from './connections.js';
import type { FailedRotation } from './observe/broker-log.js';
import { Reader } from './observe/readers.js';
import type { Scenario } from './scenarios/scenario.js';
import type { Measured, Reads, ScenarioFigures } from './measured.js';
import { brokenPromises } from './verdict.js';
import type { World } from './world.js';

/** The moments of a scenario, by `performance.now()`. */
export interface Moments {
  /** The watch began. */
  readonly began: number;
  /** The fault was on its way. */
  readonly striking: number;
  /** The fault. */
  readonly struck: number;
  /** Another node was seen as the primary; where none is promoted, the way to the old one was open again. */
  readonly promoted: number | undefined;
  /** Every replica had committed a rotation again. */
  readonly resumed: number | undefined;
  readonly ended: number;
}

/** What {@link figuresOf} judges by. */
export interface Evidence {
  readonly scenario: Scenario;
  readonly oldPrimary: { readonly name: string; readonly port: number };
  readonly moments: Moments;
  readonly judgementBefore: LedgerJudgement;
  readonly judgementAfter: LedgerJudgement;
  readonly notSettled: readonly Unhealthy[];
  readonly lostWrites: number;
  readonly seen: Record<string, string>;
}

/** Figures and verdict of a scenario. */
export function figuresOf(world: World, evidence: Evidence): ScenarioFigures {
  const { moments, scenario } = evidence;
  const { striking, struck, ended } = moments;
  const promoted = moments.promoted ?? ended;
  const resumed = moments.resumed ?? ended;
  const since = (moment: number | undefined): number | null =>
    moment === undefined ? null : Math.round(moment - promoted);
  const failures = world.log.failures(striking, ended);
  const figures: Measured = {
    scenario: scenario.name,
    promotes: scenario.promotes,
    faultToPromotionMs: moments.promoted === undefined ? null : Math.round(moments.promoted - struck),
    promotionToRestApiMs: since(world.nodes.restPrimary(evidence.oldPrimary.name, striking)?.at),
    promotionToFirstWriteMs: since(world.writes.firstAfter(promoted)),
    promotionToFirstRotationMs: Object.fromEntries(
      world.replicas.map((replica) => [replica, since(world.log.firstCommit(replica, promoted))]),
    ),
    rotationsPerMinute: {
      before: perMinute(world.log.committed(moments.began, striking), moments.began, striking),
      after: perMinute(world.log.committed(resumed, ended), resumed, ended),
    },
    answersThatWaited: world.log.waited(striking, ended),
    heldReads: readsOf(world.readers, 'held', moments),
    rotatingReads: readsOf(world.readers, 'rotating', moments),
    writes: {
      acknowledged: world.writes.count(moments.began, ended),
      lost: evidence.lostWrites,
      byOldPrimaryAfterPromotion: scenario.promotes
        ? world.writes.count(promoted, ended, evidence.oldPrimary.port)
        : 0,
    },
    ...ledgerFigures(evidence),
    failedRotations: countBy(failures, ({ outcome, code }) => `${outcome}: ${code}`),
    doubted: countBy(ofOutcome(failures, 'doubted'), ({ code }) => code),
    denied: countBy(ofOutcome(failures, 'denied'), ({ code }) => code),
    takenOver: world.log.count('attempt.taken_over', striking, ended),
    lostLineages: evidence.notSettled.length,
    notSettled: evidence.notSettled.slice(0, 10),
    faults: world.log.faults(striking, ended),
    seen: evidence.seen,
  };
  const broken = brokenPromises(figures, scenario.losesCommits);
  return { ...figures, verdict: broken.length === 0 ? 'kept' : 'broken', broken };
}

function ledgerFigures({
  judgementBefore: before,
  judgementAfter: after,
}: Evidence): Pick<ScenarioFigures, 'doubleSpends' | 'presentedAgain' | 'chainsKilled'> {
  const known = new Set(before.presentedTwice.map(({ fingerprint }) => fingerprint));
  const again = after.presentedTwice.filter(
    ({ fingerprint, repetition }) =>
      !known.has(fingerprint) && repetition !== 'after_granted' && repetition !== 'concurrent',
  );
  return {
    doubleSpends: after.doubleSpends.length - before.doubleSpends.length,
    presentedAgain: countBy(again, ({ repetition }) => repetition),
    chainsKilled: after.chainsKilled.length - before.chainsKilled.length,
  };
}

function readsOf(readers: readonly Reader[], group: 'held' | 'rotating', moments: Moments): Reads {
  const { began, striking, ended } = moments;
  const resumed = moments.resumed ?? ended;
  return {
    before: Reader.figures(readers, group, began, striking),
    during: Reader.figures(readers, group, striking, resumed),
    after: Reader.figures(readers, group, resumed, ended),
  };
}

function ofOutcome(failures: readonly FailedRotation[], outcome: string): FailedRotation[] {
  return failures.filter((failure) => failure.outcome === outcome);
}

function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}

function perMinute(count: number, from: number, to: number): number {
  return to > from ? Math.round((count * 60_000) / (to - from)) : 0;
}
