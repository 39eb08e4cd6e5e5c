import type { Spool, SpooledAnswer, SpooledAttempt, SpooledSending } from '#libs/core';

/** A spool in memory. It survives its replica, as a disk does; writing fails when a test says so. */
export class FakeSpool implements Spool {
  readonly id: string;
  /** While `true`, nothing can be written: the disk is full. */
  full = false;
  private readonly kept = new Map<
    string,
    { sent: SpooledSending; answer?: SpooledAnswer; settled: boolean }
  >();

  constructor(id = 'spool-1') {
    this.id = id;
  }

  async sent(sending: SpooledSending): Promise<void> {
    this.check();
    this.kept.set(sending.attemptId, { sent: sending, settled: false });
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
