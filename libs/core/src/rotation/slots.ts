import type { Clock } from '../clock.js';

/** The right to have one rotation under way in this replica. Giving it back twice is giving it back once. */
export interface Slot {
  release(): void;
}

/** Until when somebody is ready to wait, a {@link Clock.monotonic} instant; it may move on meanwhile. */
export type Deadline = () => number;

/** A slot for somebody who waited for it or not, or why there is none. */
export type SlotForDemand =
  | { readonly slot: Slot; readonly waited: boolean }
  | { readonly refused: 'too many waiting' | 'deadline passed' | 'closed' };

/** How many may wait for the slots of one OAuth client. */
const MOST_WAITING = 500;

/** The share of the slots that only reads on demand may use. */
const DEMAND_SHARE = 1 / 4;

const LONGEST_TIMER_MS = 60_000;

interface Waiter {
  readonly deadline: Deadline;
  readonly resolve: (got: SlotForDemand) => void;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * The rotations that a replica may have under way. Each holds a database connection for the length of its
 * exchange, so that a server that hangs would soon have all of them. Therefore an OAuth client may begin
 * another one only while its own are fewer than those that are free: a dynamic threshold (A. K. Choudhury and
 * E. L. Hahne, "Dynamic queue length thresholds for shared-memory packet switches", IEEE/ACM Transactions on
 * Networking 6(2), 1998). One hung server ends up with half, two with a third each, and something is left.
 * Background and demand are counted apart, and a share is for demand alone.
 *
 * Reads queue here before they claim, first come, first served for each OAuth client; the queue is bounded.
 */
export class Slots {
  private readonly backgroundMost: number;
  private readonly background = new Map<string, number>();
  private readonly demand = new Map<string, number>();
  private readonly queues = new Map<string, Waiter[]>();
  private readonly watchers = new Set<() => void>();
  private closed = false;
  private backgroundTaken = 0;
  private demandTaken = 0;

  constructor(
    private readonly total: number,
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly mostWaiting = MOST_WAITING,
  ) {
    this.backgroundMost = total < 2 ? total : total - Math.max(1, Math.floor(total * DEMAND_SHARE));
  }

  /** As many slots for the background as an OAuth client may have now, `atMost` at the most. */
  takeForBackground(clientId: string, atMost: number): Slot[] {
    const slots: Slot[] = [];
    while (slots.length < atMost && countOf(this.background, clientId) < this.freeForBackground) {
      this.backgroundTaken += 1;
      slots.push(this.slotOf(this.background, clientId, () => (this.backgroundTaken -= 1)));
    }
    return slots;
  }

  /** How many slots the background of an OAuth client has now. */
  backgroundOf(clientId: string): number {
    return countOf(this.background, clientId);
  }

  /** A slot for somebody who waits; waits for it until the deadline. */
  takeForDemand(clientId: string, deadline: Deadline): Promise<SlotForDemand> {
    if (this.closed) return Promise.resolve({ refused: 'closed' });
    const queue = this.queues.get(clientId);
    if (queue === undefined && this.mayBeginOnDemand(clientId)) {
      return Promise.resolve({ slot: this.demandSlot(clientId), waited: false });
    }
    if ((queue?.length ?? 0) >= this.mostWaiting) return Promise.resolve({ refused: 'too many waiting' });
    return new Promise((resolve) => {
      const waiter: Waiter = { deadline, resolve, timer: undefined };
      this.queues.set(clientId, [...(queue ?? []), waiter]);
      this.watchDeadline(clientId, waiter);
    });
  }

  /** Resolves at the next time that a slot is given back. */
  released(): Promise<void> {
    return new Promise((resolve) => this.watchers.add(resolve));
  }

  /** Nobody waits any more, now and later; slots that are held are held on. */
  close(): void {
    this.closed = true;
    for (const [clientId, queue] of this.queues) {
      for (const waiter of queue) {
        this.leaveQueue(clientId, waiter);
        waiter.resolve({ refused: 'closed' });
      }
    }
  }

  /** How many wait for a slot. */
  get waiting(): number {
    let count = 0;
    for (const queue of this.queues.values()) count += queue.length;
    return count;
  }

  private get free(): number {
    return this.total - this.backgroundTaken - this.demandTaken;
  }

  private get freeForBackground(): number {
    return Math.min(this.free, this.backgroundMost - this.backgroundTaken);
  }

  private mayBeginOnDemand(clientId: string): boolean {
    return countOf(this.demand, clientId) < this.free;
  }

  private demandSlot(clientId: string): Slot {
    this.demandTaken += 1;
    return this.slotOf(this.demand, clientId, () => (this.demandTaken -= 1));
  }

  private slotOf(counts: Map<string, number>, clientId: string, giveBack: () => void): Slot {
    counts.set(clientId, countOf(counts, clientId) + 1);
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        giveBack();
        const left = countOf(counts, clientId) - 1;
        if (left === 0) counts.delete(clientId);
        else counts.set(clientId, left);
        this.handOn();
      },
    };
  }

  /** First to whoever waits: of several OAuth clients, to the one that has the fewest. */
  private handOn(): void {
    for (;;) {
      const [next] = [...this.queues.keys()]
        .filter((clientId) => this.mayBeginOnDemand(clientId))
        .sort((a, b) => countOf(this.demand, a) - countOf(this.demand, b));
      const waiter = next === undefined ? undefined : this.queues.get(next)?.[0];
      if (next === undefined || waiter === undefined) break;
      this.leaveQueue(next, waiter);
      waiter.resolve({ slot: this.demandSlot(next), waited: true });
    }
    const watchers = [...this.watchers];
    this.watchers.clear();
    for (const wake of watchers) wake();
  }

  /** The deadline may have moved on while the timer ran: then it runs once more. */
  private watchDeadline(clientId: string, waiter: Waiter): void {
    const left = waiter.deadline() - this.clock.monotonic();
    if (left <= 0) {
      this.leaveQueue(clientId, waiter);
      waiter.resolve({ refused: 'deadline passed' });
      return;
    }
    const ms = Math.min(Math.ceil(left), LONGEST_TIMER_MS);
    waiter.timer = setTimeout(() => this.watchDeadline(clientId, waiter), ms);
  }

  private leaveQueue(clientId: string, waiter: Waiter): void {
    clearTimeout(waiter.timer);
    const left = (this.queues.get(clientId) ?? []).filter((other) => other !== waiter);
    if (left.length === 0) this.queues.delete(clientId);
    else this.queues.set(clientId, left);
  }
}

function countOf(counts: ReadonlyMap<string, number>, clientId: string): number {
  return counts.get(clientId) ?? 0;
}
