import type { KnownDatabase, Spool, SpooledAnswer, SpooledAttempt, SpooledSending } from '#libs/core';

/** A spool in memory. It survives its replica, as a disk does; writing fails when a test says so. */
export class FakeSpool implements Spool {
  readonly id: string;
  /** While `true`, nothing can be written: the disk is full. */
  full = false;
  damaged = 0;
  known: KnownDatabase = { attemptNumber: 0, timeline: 0, heartbeat: 0, thaws: 0 };
  private readonly kept = new Map<
    string,
    { sent: SpooledSending; answer?: SpooledAnswer; unsent?: boolean; settled: boolean }
  >();

  constructor(id = 'spool-1') {
    this.id = id;
  }

  get trouble(): string | undefined {
    return this.full ? 'ENOSPC: no space left on device' : undefined;
  }

  know(database: KnownDatabase): void {
    const { known } = this;
    // As the spool's: what is known never goes back, unless an operator has confirmed that the database did.
    this.known =
      database.thaws > known.thaws
        ? database
        : {
            attemptNumber: Math.max(known.attemptNumber, database.attemptNumber),
            timeline: Math.max(known.timeline, database.timeline),
            heartbeat: Math.max(known.heartbeat, database.heartbeat),
            thaws: known.thaws,
          };
  }

  async recover(): Promise<void> {
    // It recovers when a test says so.
  }

  async unsent(attemptId: string): Promise<void> {
    const kept = this.kept.get(attemptId);
    if (kept) kept.unsent = true;
  }

  async sent(sending: SpooledSending): Promise<void> {
    this.check();
    this.kept.set(sending.attemptId, { sent: sending, settled: false });
    const attemptNumber = Math.max(this.known.attemptNumber, sending.attemptNumber ?? 0);
    this.known = { ...this.known, attemptNumber };
  }

  async answered(attemptId: string, answer: SpooledAnswer): Promise<void> {
    this.check();
    const kept = this.kept.get(attemptId);
    if (kept) kept.answer = answer;
  }

  async settled(attemptId: string): Promise<void> {
    const kept = this.kept.get(attemptId);
    if (kept) kept.settled = true;
  }

  attempts(): SpooledAttempt[] {
    return [...this.kept.values()];
  }

  private check(): void {
    if (this.full) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  }
}
