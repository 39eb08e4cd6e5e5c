import type { Journal } from '../fleet/journal.js';

const IDLE_STEP_MS = 250;

/** Counts the plan's logical steps: an exchange of a refresh token, or a quarter of a second without one. */
export class Steps {
  private count = 0;
  private readonly waiters = new Set<{ readonly at: number; readonly wake: () => void }>();
  private readonly stopListening: () => void;
  private idle: NodeJS.Timeout;

  constructor(journal: Journal) {
    this.stopListening = journal.onExchange(() => this.step());
    this.idle = setInterval(() => this.step(), IDLE_STEP_MS);
  }

  /** Resolves after so many steps. */
  after(steps: number): Promise<void> {
    if (steps <= 0) return Promise.resolve();
    return new Promise((wake) => this.waiters.add({ at: this.count + steps, wake }));
  }

  /** Ends counting; whoever waits goes on at once. */
  close(): void {
    this.stopListening();
    clearInterval(this.idle);
    for (const { wake } of this.waiters) wake();
    this.waiters.clear();
  }

  private step(): void {
    this.count += 1;
    this.idle.refresh();
    for (const waiter of this.waiters) {
      if (waiter.at > this.count) continue;
      this.waiters.delete(waiter);
      waiter.wake();
    }
  }
}
