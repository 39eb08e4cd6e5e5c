/** The lock of one row: `FOR UPDATE` waits for it, `FOR UPDATE SKIP LOCKED` looks whether it is held. */
export class RowLock {
  private holder: symbol | undefined;
  private readonly waiting: Array<() => void> = [];

  get held(): boolean {
    return this.holder !== undefined;
  }

  /** Waits for the lock; answers how to give it back. Giving it back twice is giving it back once. */
  async acquire(): Promise<() => void> {
    while (this.holder !== undefined) await new Promise<void>((resolve) => this.waiting.push(resolve));
    const mine = Symbol('holder');
    this.holder = mine;
    return () => {
      if (this.holder === mine) this.free();
    };
  }

  /** Frees the lock, whoever holds it. */
  free(): void {
    this.holder = undefined;
    for (const wake of this.waiting.splice(0)) wake();
  }
}
