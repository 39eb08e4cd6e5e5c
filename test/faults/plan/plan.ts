import type { Moment } from '#libs/core';
import type { DefectName } from '../defects/index.js';
import type { Healing } from '../proxy/fault-proxy.js';
import { DECKS, type Card, type FaultKind, type LaneName } from './kinds.js';
import { SeededRandom } from './random.js';

/** One fault of the plan. */
export interface PlannedFault {
  readonly lane: LaneName;
  readonly index: number;
  readonly kind: FaultKind;
  readonly moment?: Moment;
  /**
   * How long the lane waits before, in logical steps: a step is an exchange of a refresh token anywhere in
   * the fleet, or a quarter of a second without one.
   */
  readonly waitSteps: number;
  /** Which replica; where that one is not there, the next. */
  readonly replica: number;
  /** How many attempts come to the moment unharmed before. */
  readonly skip: number;
  /** How long it lasts, from 0 (the shortest of its kind) to 1. */
  readonly length: number;
  readonly healing: Healing;
}

/** Waits of each lane: from, to. They set the rate of its faults; what takes long sets its own. */
const WAITS: Readonly<Record<LaneName, readonly [number, number]>> = {
  exchange: [2, 10],
  statement: [6, 18],
  server: [2, 12],
  process: [12, 36],
  pause: [4, 16],
  slumber: [300, 900],
  outage: [60, 160],
};

/** Where only one thing is done, it is done at once. */
const AT_ONCE = [0, 4] as const;

/** The decks that provoke one seeded defect, and little else. */
const PROVOKING: Readonly<Record<DefectName, Partial<Record<LaneName, readonly Card[]>>>> = {
  // What was sent leaves no trace where the process dies, or where nothing comes back.
  'no-attempt': {
    process: [
      { kind: 'kill_at', moment: 'requesting' },
      { kind: 'kill_at', moment: 'answered' },
    ],
    exchange: [{ kind: 'cut_answer' }],
  },
  // The lease is over before the replica wakes up and sends.
  lease: { pause: [{ kind: 'stop_at', moment: 'requesting' }] },
  // An answer in hand, and no database until the user has connected anew.
  'unguarded-save': { outage: [{ kind: 'cut_off_with_answer' }] },
};

/**
 * The faults of one lane, without end. The same seed deals the same ones, whatever the other lanes do and
 * however fast the machine is.
 * @param lane with a number where there are several of a kind, such as `exchange/2`
 */
export function* planLane(
  seed: number,
  lane: LaneName,
  number: number,
  replicas: number,
  deck: readonly Card[] = DECKS[lane],
  [least, most]: readonly [number, number] = WAITS[lane],
): Generator<PlannedFault, never, undefined> {
  const random = new SeededRandom(seed, `${lane}/${number}`);
  for (let index = 0; ;) {
    for (const card of random.shuffled(deck)) {
      yield {
        lane,
        index,
        ...card,
        waitSteps: random.whole(least, most),
        replica: lane === 'exchange' || lane === 'statement' ? number : random.whole(0, replicas - 1),
        skip: random.whole(0, 3),
        length: Math.round(random.next() * 1_000) / 1_000,
        healing: random.pick(['resume', 'reset']),
      };
      index += 1;
    }
  }
}

/** One lane of a campaign. */
export interface Lane {
  readonly name: LaneName;
  readonly number: number;
  readonly faults: Generator<PlannedFault, never, undefined>;
}

/**
 * The whole plan of a campaign: its lanes. One for each replica where faults hit single exchanges and
 * statements, one for each other kind.
 * @param defect only what provokes this one
 * @param without kinds that cannot be had on this machine
 */
export function plan(
  seed: number,
  replicas: number,
  { defect, without = [] }: { readonly defect?: DefectName; readonly without?: readonly FaultKind[] } = {},
): Lane[] {
  const decks = defect === undefined ? DECKS : PROVOKING[defect];
  return (Object.keys(decks) as LaneName[]).flatMap((name) => {
    const deck = (decks[name] ?? []).filter(({ kind }) => !without.includes(kind));
    if (deck.length === 0) return [];
    const count = name === 'exchange' || name === 'statement' ? replicas : 1;
    return Array.from({ length: count }, (_, number) => ({
      name,
      number,
      faults: planLane(seed, name, number, replicas, deck, defect === undefined ? WAITS[name] : AT_ONCE),
    }));
  });
}
