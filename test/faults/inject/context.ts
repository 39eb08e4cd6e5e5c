import { setTimeout as delay } from 'node:timers/promises';
import { machineMs } from '../broker/tell.js';
import type { Fleet } from '../fleet/fleet.js';
import type { Journal } from '../fleet/journal.js';
import type { ReplicaUnderTest } from '../fleet/replica.js';

/** What an injection works with. */
export interface Context {
  readonly fleet: Fleet;
  readonly journal: Journal;
  readonly revivals: Revivals;
  /** Replicas that a fault of a process is at: another one takes another replica. */
  readonly taken: Set<ReplicaUnderTest>;
}

/** How long a fault waits for its occasion before it counts as missed. */
export const OCCASION_MS = 5_000;

/** The promise's value, or `undefined` when it takes too long. */
export async function within<T>(promise: Promise<T>, ms = OCCASION_MS): Promise<T | undefined> {
  const over = new AbortController();
  try {
    return await Promise.race([
      promise,
      delay(ms, undefined, { signal: over.signal }).catch(() => undefined),
    ]);
  } finally {
    over.abort();
  }
}

/**
 * What was told when the failpoint was reached; `undefined` where it was not. The end of a process may be
 * known before the last that it said.
 */
export async function reached(
  { hit }: { readonly hit: Promise<Record<string, unknown>> },
  replica: ReplicaUnderTest,
  ms = OCCASION_MS,
): Promise<Record<string, unknown> | undefined> {
  const ended = replica.exited().then(() => within(hit, 1_000));
  return within(Promise.race([hit, ended]), ms);
}

/** A length between two bounds, as the plan's share says; in milliseconds. */
export function between(least: number, most: number, share: number): number {
  return Math.round(least + (most - least) * share);
}

/** A replica that serves and that no other fault of a process is at, from this index on. */
export function freeReplica({ fleet, taken }: Context, index: number): ReplicaUnderTest | undefined {
  for (let i = 0; i < fleet.replicas.length; i += 1) {
    const replica = fleet.replica(index + i);
    if (replica.isServing && !taken.has(replica)) return replica;
  }
  return undefined;
}

/** Works with one replica alone. */
export async function holding<T>(
  { taken }: Context,
  replica: ReplicaUnderTest,
  work: () => Promise<T>,
): Promise<T> {
  taken.add(replica);
  try {
    return await work();
  } finally {
    taken.delete(replica);
  }
}

const TRY_AGAIN_MS = 250;

/** Starts replicas again that have ended, as whatever runs them would: until they serve. */
export class Revivals {
  private readonly running = new Map<ReplicaUnderTest, Promise<void>>();
  private over = false;

  constructor(private readonly journal: Journal) {}

  /** Begins to start it again; it may take several tries while the database is away. */
  begin(replica: ReplicaUnderTest): Promise<void> {
    const known = this.running.get(replica);
    if (known) return known;
    const revival = this.revive(replica).finally(() => this.running.delete(replica));
    this.running.set(replica, revival);
    return revival;
  }

  /** Resolves when none is under way. */
  async done(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running.values());
  }

  /** No more tries. */
  giveUp(): void {
    this.over = true;
  }

  private async revive(replica: ReplicaUnderTest): Promise<void> {
    const from = machineMs();
    while (!this.over && !replica.isServing && !(await replica.start())) await delay(TRY_AGAIN_MS);
    this.journal.note('revived', { replica: replica.name, ms: Math.round(machineMs() - from) });
  }
}
