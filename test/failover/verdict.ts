import type { Measured } from './measured.js';

/** The bar of the design brief, section 7. */
const RESUMED_WITHIN_MS = 30_000;

/**
 * The promises that did not hold, a sentence for each.
 * @param losesCommits whether the scenario is made to lose acknowledged commits
 */
export function brokenPromises(figures: Measured, losesCommits: boolean): string[] {
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
    [!losesCommits && writes.lost > 0, `${writes.lost} acknowledged commits are gone`],
    [losesCommits && writes.lost === 0, 'no commit was lost: the scenario proves nothing'],
    [writes.byOldPrimaryAfterPromotion > 0, 'the old primary acknowledged writes after the promotion'],
    [figures.faults.length > 0, `${figures.faults.length} faults in the brokers' logs`],
  ];
  const seen = Object.entries(figures.seen)
    .filter(([, value]) => value.startsWith('BROKEN'))
    .map(([what, value]) => `${what}: ${value}`);
  return [...checks.filter(([isBroken]) => isBroken).map(([, sentence]) => sentence), ...seen];
}
