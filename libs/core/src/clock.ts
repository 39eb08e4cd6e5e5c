/**
 * Time as the domain sees it. All instants are milliseconds since the Unix epoch, all durations
 * milliseconds.
 */
export interface Clock {
  /**
   * The instant now, on the clock that all replicas share (the database's, followed by each replica's own
   * monotonic clock), so that a replica whose wall clock is off decides like the others.
   */
  now(): number;
  /** A clock of this process that never goes back, for measuring durations and deadlines. */
  monotonic(): number;
}

/** Waits; ends early when the signal aborts, without an error. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
