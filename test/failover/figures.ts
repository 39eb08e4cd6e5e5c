import type { LedgerJudgement } from '../../apps/dev-as/src/index.js';
import type { Unhealthy } from './connections.js';
import type { FailedRotation } from './observe/broker-log.js';
import { Reader, type ReadFigures } from './observe/readers.js';
import type { Scenario } from './scenarios/scenario.js';
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

/** Reads before, during and after. */
type Reads = Record<'before' | 'during' | 'after', ReadFigures>;

/** What one scenario came to. */
export interface ScenarioFigures {
  readonly scenario: string;
  /** Whether another node was promoted; where not, "promotion" is when the way to the old one was open again. */
  readonly promotes: boolean;
  readonly verdict: 'kept' | 'broken';
  /** Every promise that did not hold, as a sentence. */
  readonly broken: readonly string[];
  readonly faultToPromotionMs: number | null;
  readonly promotionToRestApiMs: number | null;
  /** Until a client that knows nothing of failovers had a write acknowledged through HAProxy. */
  readonly promotionToFirstWriteMs: number | null;
  /** Until each replica had committed its first rotation. */
  readonly promotionToFirstRotationMs: Record<string, number | null>;
  readonly rotationsPerMinute: { readonly before: number; readonly after: number };
  /** Rotations that were answered and could not be saved at once. */
  readonly answersThatWaited: number;
  readonly heldReads: Reads;
  readonly rotatingReads: Reads;
  readonly writes: {
    readonly acknowledged: number;
    readonly lost: number;
    readonly byOldPrimaryAfterPromotion: number;
  };
  readonly doubleSpends: number;
  /** Refresh tokens that were presented again with an excuse: the probe of a doubt, a plain retry. */
  readonly presentedAgain: Record<string, number>;
  readonly chainsKilled: number;
  readonly failedRotations: Record<string, number>;
  /** Connections that were put in doubt or ended, and why; some are well again by now. */
  readonly doubted: Record<string, number>;
  readonly denied: Record<string, number>;
  readonly takenOver: number;
  /** How many connections did not come back to life, and the first of them. */
  readonly lostLineages: number;
  readonly notSettled: readonly Unhealthy[];
  readonly faults: readonly string[];
  readonly seen: Record<string, string>;
}

/** The bar of the design brief, section 7. */
const RESUMED_WITHIN_MS = 30_000;

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
  const figures: Omit<ScenarioFigures, 'verdict' | 'broken'> = {
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
  const broken = brokenPromises(figures, scenario);
  return { ...figures, verdict: broken.length === 0 ? 'kept' : 'broken', broken };
}

function brokenPromises(figures: Omit<ScenarioFigures, 'verdict' | 'broken'>, scenario: Scenario): string[] {
  const { heldReads, rotatingReads, writes, lostLineages } = figures;
  const late = Object.entries(figures.promotionToFirstRotationMs).filter(
    ([, ms]) => ms === null || ms > RESUMED_WITHIN_MS,
  );
  const heldRefused = ([heldReads.before, heldReads.during, heldReads.after] as const)
    .flatMap(({ refused }) => Object.values(refused))
    .reduce((sum, count) => sum + count, 0);
  const checks: [boolean, string][] = [
    [figures.faultToPromotionMs === null, 'no node was promoted'],
    [late.length > 0, `rotations did not resume within 30 s of the promotion: ${JSON.stringify(late)}`],
    [figures.doubleSpends > 0, `${figures.doubleSpends} refresh tokens were spent twice`],
    [figures.chainsKilled > 0, `${figures.chainsKilled} lineages were ended for reuse`],
    [lostLineages > 0, `${lostLineages} connections did not come back to life`],
    [heldRefused > 0, `${heldRefused} reads of held tokens were refused`],
    [heldReads.during.slow > 0, `${heldReads.during.slow} reads of held tokens took more than a second`],
    [
      rotatingReads.during.needlesslyRefused + rotatingReads.after.needlesslyRefused > 0,
      'reads were refused although the token that was held still had life',
    ],
    [!scenario.losesCommits && writes.lost > 0, `${writes.lost} acknowledged commits are gone`],
    [scenario.losesCommits && writes.lost === 0, 'no commit was lost: the scenario proves nothing'],
    [writes.byOldPrimaryAfterPromotion > 0, 'the old primary acknowledged writes after the promotion'],
    [figures.faults.length > 0, `${figures.faults.length} faults in the brokers' logs`],
  ];
  const seen = Object.entries(figures.seen)
    .filter(([, value]) => value.startsWith('BROKEN'))
    .map(([what, value]) => `${what}: ${value}`);
  return [...checks.filter(([isBroken]) => isBroken).map(([, sentence]) => sentence), ...seen];
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
