import type { Readiness } from '#libs/web';

/** Where the replica is between its start and its end. */
export class Lifecycle {
  private phase: 'starting' | 'serving' | 'draining' = 'starting';

  /** From now on callers are welcome. */
  serving(): void {
    this.phase = 'serving';
  }

  /** From now on callers should go elsewhere. */
  draining(): void {
    this.phase = 'draining';
  }

  /** @param objection why this replica spends nothing now; callers are welcome all the same: what is held is served */
  readiness(objection: string | undefined): Readiness {
    const checks = { phase: this.phase, spending: objection ?? 'goes on' };
    return { ready: this.phase === 'serving', checks };
  }
}
