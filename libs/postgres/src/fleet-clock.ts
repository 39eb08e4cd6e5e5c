import { performance } from 'node:perf_hooks';
import type { DataSource } from 'typeorm';
import type { Clock } from '#libs/core';
import { translated } from './store-errors.js';

/** A sample that took longer on its way says too little about the time. */
const LARGEST_ROUND_TRIP_MS = 500;

/**
 * The clock that all replicas share: the database's, carried on by this process's monotonic clock between
 * samples and while the database is away. A wall clock that is off, or that jumps, changes nothing. Before
 * the first sample it is the wall clock.
 */
export class FleetClock implements Clock {
  private epochAtMonotonicZero = Date.now() - performance.now();
  private sampled = false;

  now(): number {
    return this.epochAtMonotonicZero + performance.now();
  }

  monotonic(): number {
    return performance.now();
  }

  /** Takes a sample. @throws {StoreUnavailableError} */
  async sync(source: DataSource): Promise<void> {
    const before = performance.now();
    const [row] = (await translated(() =>
      source.query(`SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now`),
    )) as [{ now: number }];
    const after = performance.now();
    if (this.sampled && after - before > LARGEST_ROUND_TRIP_MS) return;
    this.sampled = true;
    this.epochAtMonotonicZero = row.now - (before + after) / 2;
  }
}
