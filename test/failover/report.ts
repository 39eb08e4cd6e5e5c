import type { ScenarioFigures } from './measured.js';
import type { ReadFigures } from './observe/readers.js';

/** Writes a scenario's figures for a person. */
export function reportScenario(figures: ScenarioFigures, say: (text: string) => void): void {
  const line = (what: string, value: string): void => say(`  ${what.padEnd(42)} ${value}`);
  say(`\n  ${figures.verdict === 'kept' ? 'KEPT' : 'BROKEN'}: ${figures.scenario}`);
  for (const sentence of figures.broken) say(`    - ${sentence}`);
  const { promotes } = figures;
  line(promotes ? 'fault to promotion' : 'fault to an open way', ms(figures.faultToPromotionMs));
  if (promotes) line('  to Patroni saying so', ms(figures.promotionToRestApiMs));
  line('  to the first write through HAProxy', ms(figures.promotionToFirstWriteMs));
  for (const [replica, value] of Object.entries(figures.promotionToFirstRotationMs)) {
    line(`  to the first rotation of ${replica}`, ms(value));
  }
  const { before, after } = figures.rotationsPerMinute;
  line('rotations a minute, before and after', `${before}, ${after}`);
  line('answers that had to wait for the database', String(figures.answersThatWaited));
  for (const span of ['before', 'during', 'after'] as const) {
    line(`reads of held tokens ${span}`, reads(figures.heldReads[span]));
  }
  for (const span of ['before', 'during', 'after'] as const) {
    line(`reads of short tokens ${span}`, reads(figures.rotatingReads[span]));
  }
  const { acknowledged, lost, byOldPrimaryAfterPromotion } = figures.writes;
  line('commits acknowledged, lost', `${acknowledged}, ${lost}`);
  line('by the old primary after the promotion', String(byOldPrimaryAfterPromotion));
  line('double spends, lineages ended', `${figures.doubleSpends}, ${figures.chainsKilled}`);
  line('presented again, with an excuse', counts(figures.presentedAgain));
  line('failed rotations', counts(figures.failedRotations));
  line('in doubt for a while', counts(figures.doubted));
  line('attempts taken over', String(figures.takenOver));
  line('connections that did not come back', String(figures.lostLineages));
  for (const { name, state, lastError } of figures.notSettled.slice(0, 5)) {
    say(`    ${name} ${state} ${lastError}`);
  }
  for (const fault of figures.faults.slice(0, 5)) say(`    fault: ${fault}`);
  for (const [what, value] of Object.entries(figures.seen)) line(what, value);
}

function reads({ reads: count, refused, p50Ms, p99Ms, maxMs }: ReadFigures): string {
  const failed = Object.keys(refused).length === 0 ? '0' : counts(refused);
  return `${count}, refused ${failed}; p50 ${p50Ms}, p99 ${p99Ms}, max ${maxMs} ms`;
}

function counts(figures: Record<string, number>): string {
  const entries = Object.entries(figures);
  return entries.length === 0 ? '0' : entries.map(([what, count]) => `${count} ${what}`).join('; ');
}

function ms(value: number | null): string {
  return value === null ? 'never' : `${(value / 1_000).toFixed(2)} s`;
}
