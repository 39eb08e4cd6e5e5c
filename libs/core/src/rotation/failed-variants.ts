import type { Clock } from '../clock.js';
import type { LastError } from '../connection/connection.js';
import type { Variant } from '../connection/variant.js';
import type { SpendOutcome } from './finish-rotation.js';

/** How long a variant that the authorization server refused is not asked for again. */
const BACKOFF_MS = 30_000;
const MOST_REMEMBERED = 10_000;

/**
 * The variants that an authorization server has refused lately. Such a variant waits by itself: the
 * connection's other tokens have no part in it.
 */
export class FailedVariants {
  private readonly failed = new Map<string, { readonly notBefore: number; readonly lastError: LastError }>();

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  /** Why the variant is not to be asked for now, and for how long; `undefined` where it may be. */
  failureOf(
    uid: string,
    variant: Variant,
  ): { readonly lastError: LastError; readonly waitMs: number } | undefined {
    const failed = this.failed.get(keyOf(uid, variant));
    if (!failed || failed.notBefore <= this.clock.now()) return undefined;
    return { lastError: failed.lastError, waitMs: failed.notBefore - this.clock.now() };
  }

  /** Remembers how a rotation ended. */
  remember(uid: string, variant: Variant, outcome: SpendOutcome): void {
    const key = keyOf(uid, variant);
    this.failed.delete(key);
    if (outcome.kind !== 'released' || variant.key === '' || outcome.change.kind !== 'released') return;
    if (this.failed.size >= MOST_REMEMBERED) this.failed.clear();
    const { lastError } = outcome.change;
    this.failed.set(key, { notBefore: this.clock.now() + BACKOFF_MS, lastError });
  }
}

function keyOf(uid: string, variant: Variant): string {
  return `${uid} ${variant.key}`;
}
