import fc from 'fast-check';
import { MOMENTS } from '#libs/core';
import { DEFECT_NAMES } from '../defects/index.js';
import { DECKS, LANES, type FaultKind } from './kinds.js';
import { plan, planLane, type PlannedFault } from './plan.js';
import { SeededRandom } from './random.js';

const seeds = fc.integer({ min: 0, max: 0xffffffff });

function dealt(lane: Generator<PlannedFault>, count: number): PlannedFault[] {
  return Array.from({ length: count }, () => lane.next().value as PlannedFault);
}

describe('the plan', () => {
  it('is the same for the same seed', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 3, max: 6 }), (seed, replicas) => {
        const one = plan(seed, replicas).map(({ faults }) => dealt(faults, 60));
        const other = plan(seed, replicas).map(({ faults }) => dealt(faults, 60));
        expect(one).toEqual(other);
      }),
      { numRuns: 30 },
    );
  });

  it('is another one for another seed', () => {
    fc.assert(
      fc.property(seeds, seeds, (one, other) => {
        fc.pre(one !== other);
        expect(dealt(planLane(one, 'pause', 0, 3), 60)).not.toEqual(
          dealt(planLane(other, 'pause', 0, 3), 60),
        );
      }),
    );
  });

  it('deals every lane by itself: how fast the others go changes nothing', () => {
    const lanes = plan(7, 3);
    const slow = lanes.map(({ faults }) => dealt(faults, 20));
    const again = plan(7, 3)
      .toReversed()
      .map(({ faults }) => dealt(faults, 20));
    expect(again.toReversed()).toEqual(slow);
  });

  it('deals every fault of a deck before any comes once more', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(...LANES), (seed, lane) => {
        const deck = DECKS[lane];
        const cards = dealt(planLane(seed, lane, 0, 3), deck.length).map(({ kind, moment }) => ({
          kind,
          ...(moment ? { moment } : {}),
        }));
        const sorted = (of: readonly object[]): string[] => of.map((card) => JSON.stringify(card)).toSorted();
        expect(sorted(cards)).toEqual(sorted(deck));
      }),
    );
  });

  it('kills a replica at every moment there is', () => {
    const killed = DECKS.process.flatMap(({ kind, moment }) =>
      kind === 'kill_at' && moment ? [moment] : [],
    );
    expect(killed.toSorted()).toEqual(MOMENTS.toSorted());
  });

  it('keeps its numbers in their bounds', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(...LANES), (seed, lane) => {
        for (const fault of dealt(planLane(seed, lane, 1, 3), 40)) {
          expect(fault.replica).toBeGreaterThanOrEqual(0);
          expect(fault.replica).toBeLessThan(3);
          expect(fault.length).toBeGreaterThanOrEqual(0);
          expect(fault.length).toBeLessThanOrEqual(1);
          expect(fault.waitSteps).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('leaves out what cannot be had', () => {
    const without: FaultKind[] = ['clock_jump', 'clock_off_at_start'];
    const kinds = plan(1, 3, { without })
      .flatMap(({ faults }) => dealt(faults, 100))
      .map(({ kind }) => kind);
    expect(kinds.filter((kind) => without.includes(kind))).toEqual([]);
  });

  it.each(DEFECT_NAMES)('has lanes that provoke the seeded defect %s', (defect) => {
    expect(plan(1, 3, { defect }).length).toBeGreaterThan(0);
  });
});

describe('seeded random choices', () => {
  it('are spread over the whole range', () => {
    const random = new SeededRandom(1, 'x');
    const counts = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 10_000; i += 1) counts[random.whole(0, 9)]! += 1;
    for (const count of counts) expect(count).toBeGreaterThan(800);
  });
});
