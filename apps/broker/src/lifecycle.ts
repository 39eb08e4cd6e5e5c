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

  readiness(): Readiness {
    return { ready: this.phase === 'serving', checks: { phase: this.phase } };
  }
}
