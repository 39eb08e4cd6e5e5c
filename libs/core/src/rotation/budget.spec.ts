import fc from 'fast-check';
import { againIn, burstOf, reserveOf, roomIn, type BudgetFacts, type BudgetUse } from './budget.js';

const facts = (change: Partial<BudgetFacts> = {}): BudgetFacts => ({
  ratePerSecond: 10,
  maxConcurrent: 8,
  available: 10,
  sinceRefillMs: 0,
  openAttempts: 0,
  demandWaits: false,
  ...change,
});

describe('the budget of an OAuth client', () => {
  it('P11: in any time W at most rate × W + burst rotations are begun, whoever asks and how often', () => {
    const settings = fc.record({
      ratePerSecond: fc.double({ min: 0.01, max: 500, noNaN: true }),
      maxConcurrent: fc.constant(1_000_000),
    });
    const asks = fc.array(
      fc.record({
        afterMs: fc.double({ min: 0, max: 3_000, noNaN: true }),
        want: fc.nat(50),
        use: fc.constantFrom<BudgetUse>('background', 'demand'),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(settings, asks, (limits, all) => {
        let [now, available, refilledAt] = [0, burstOf(limits), 0];
        const begun: number[] = [];
        for (const { afterMs, want, use } of all) {
          now += afterMs;
          const seen = facts({ ...limits, available, sinceRefillMs: now - refilledAt });
          const room = roomIn(seen, use);
          const taken = Math.min(want, room.room);
          for (let i = 0; i < taken; i += 1) begun.push(now);
          // As a store does: where nothing is taken, nothing is written.
          if (taken > 0) [available, refilledAt] = [room.available - taken, now];
        }
        // The most that any window has beyond what its length allows.
        let excess = Number.NEGATIVE_INFINITY;
        for (let i = 0; i < begun.length; i += 1) {
          for (let j = i; j < begun.length; j += 1) {
            const most = (limits.ratePerSecond * (begun[j]! - begun[i]!)) / 1_000 + burstOf(limits);
            excess = Math.max(excess, j - i + 1 - most);
          }
        }
        expect(excess).toBeLessThanOrEqual(1e-6);
      }),
    );
  });

  it('P11: whoever comes back when it was told to finds room, and the rate is used up to the last', () => {
    const rates = fc.double({ min: 0.01, max: 2_000, noNaN: true });
    fc.assert(
      fc.property(rates, fc.constantFrom<BudgetUse>('background', 'demand'), (ratePerSecond, use) => {
        const limits = { ratePerSecond, maxConcurrent: 1_000_000 };
        let [now, available, refilledAt, begun] = [0, burstOf(limits), 0, 0];
        const first = roomIn(facts({ ...limits, available }), use).room;
        const steps = 200;
        for (let step = 0; step < steps; step += 1) {
          const room = roomIn(facts({ ...limits, available, sinceRefillMs: now - refilledAt }), use);
          expect(room.room).toBeGreaterThan(0);
          begun += room.room;
          [available, refilledAt] = [room.available - room.room, now];
          now += againIn(limits, use, room, room.room);
        }
        // What a millisecond's rounding costs at the rate, and no more.
        const ideal = first + (ratePerSecond * now) / 1_000;
        expect(begun).toBeGreaterThan(Math.min(ideal - steps * ratePerSecond * 0.001 - 2, ideal * 0.95));
      }),
    );
  });

  it('P11: reads on demand have room where the background has none', () => {
    expect(reserveOf({ ratePerSecond: 10, maxConcurrent: 8 })).toEqual({ available: 2, concurrency: 2 });
    expect(roomIn(facts({ available: 2 }), 'background')).toMatchObject({ room: 0, limit: 'rate' });
    expect(roomIn(facts({ available: 2 }), 'demand').room).toBe(2);
    expect(roomIn(facts({ openAttempts: 6 }), 'background')).toMatchObject({ room: 0, limit: 'concurrency' });
    expect(roomIn(facts({ openAttempts: 6 }), 'demand').room).toBe(2);
    expect(roomIn(facts({ demandWaits: true }), 'background')).toMatchObject({ room: 0, limit: 'demand' });
    expect(roomIn(facts({ demandWaits: true }), 'demand').room).toBe(8);
  });

  it.each([
    [0.1, 1],
    [1, 1],
    [1.9, 1],
    [2, 2],
    [50, 16],
  ])('the background is not shut out by its own reserve: %d a second, %d at once', (rate, maxConcurrent) => {
    const full = facts({ ratePerSecond: rate, maxConcurrent, available: burstOf({ ratePerSecond: rate }) });
    expect(roomIn(full, 'background').room).toBeGreaterThan(0);
  });

  it('P11: a canary is one at a time, for background and demand together', () => {
    expect(roomIn(facts({ canary: 'changed' }), 'background')).toMatchObject({ room: 1, limit: 'canary' });
    expect(roomIn(facts({ canary: 'thawed', openAttempts: 1 }), 'demand')).toMatchObject({
      room: 0,
      limit: 'canary',
    });
  });

  it('P11: a clock that jumps brings no more than a full bucket, and one that is set back nothing', () => {
    expect(roomIn(facts({ available: 0, sinceRefillMs: 1e9 }), 'demand').available).toBe(10);
    expect(roomIn(facts({ available: 3, sinceRefillMs: -1e9 }), 'demand').available).toBe(3);
  });
});
