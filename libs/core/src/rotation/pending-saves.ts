import { sleep } from '../clock.js';
import { isStoreUnavailable } from '../errors.js';
import type { RotationSave, RotationStore, SaveResult } from './ports.js';

const RETRY_EVERY_MS = 500;

/**
 * Answers that are in hand and not yet in the database, because it went away in between. Each is tried
 * again until the database has taken it or refused it; the process must not exit while there are any
 * (promise P3). Saves are guarded and idempotent, so that trying again is always safe.
 */
export class PendingSaves {
  private readonly saves = new Set<RotationSave>();
  private loop: Promise<void> | undefined;

  /**
   * @param settled is told how each ended
   */
  constructor(
    private readonly store: Pick<RotationStore, 'save'>,
    private readonly settled: (save: RotationSave, result: SaveResult | Error) => void,
  ) {}

  /** How many answers wait for the database. */
  get size(): number {
    return this.saves.size;
  }

  /** Keeps the answer and goes on trying to save it. */
  add(save: RotationSave): void {
    this.saves.add(save);
    this.loop ??= this.run().finally(() => {
      this.loop = undefined;
    });
  }

  /** Resolves once nothing is pending any more, or after the given time; answers what is left. */
  async drain(timeoutMs: number): Promise<number> {
    const giveUp = new AbortController();
    await Promise.race([this.loop ?? Promise.resolve(), sleep(timeoutMs, giveUp.signal)]);
    giveUp.abort();
    return this.saves.size;
  }

  private async run(): Promise<void> {
    while (this.saves.size > 0) {
      for (const save of this.saves) {
        if (!(await this.trySave(save))) break;
      }
      if (this.saves.size > 0) await sleep(RETRY_EVERY_MS);
    }
  }

  /** Answers whether the database is there. */
  private async trySave(save: RotationSave): Promise<boolean> {
    try {
      const result = await this.store.save(save);
      this.saves.delete(save);
      this.settled(save, result);
      return true;
    } catch (error) {
      if (isStoreUnavailable(error)) return false;
      // A fault of our own: it is kept and reported, since dropping it would lose the token.
      this.settled(save, error instanceof Error ? error : new Error(String(error)));
      return true;
    }
  }
}
