import { performance } from 'node:perf_hooks';
import type { ConnectionState } from '#libs/core';

/** Figures about all connections. */
export interface ConnectionFigures {
  readonly byState: Readonly<Record<ConnectionState, number>>;
  readonly oldestOverdueMs: number;
  /** By how far is looked ahead: `1d`, `7d`, `30d`. */
  readonly reauthorizationsDue: Readonly<Record<string, number>>;
  readonly byClient: ReadonlyArray<{
    readonly client: string;
    /** Absent: none of its connections can be served now. */
    readonly slackMs?: number;
    readonly unserved: number;
  }>;
}

/** Where the figures come from. Rejects while the database is away. */
export interface ConnectionStats {
  stats(): Promise<ConnectionFigures>;
}

/** Counting is not free: a scrape within this time gets the figures of the one before. */
const FRESH_MS = 5_000;

const NONE: ConnectionFigures = {
  byState: { ACTIVE: 0, IN_DOUBT: 0, REAUTHORIZATION_REQUIRED: 0, PAUSED: 0, REVOKED: 0 },
  oldestOverdueMs: 0,
  reauthorizationsDue: { '1d': 0, '7d': 0, '30d': 0 },
  byClient: [],
};

/** Keeps figures for a while, and beyond that while the database is away; their age says so. */
export class CachedStats {
  private figures = NONE;
  private takenAt = Number.NEGATIVE_INFINITY;
  private triedAt = Number.NEGATIVE_INFINITY;
  private asking: Promise<ConnectionFigures> | undefined;
  /** Whether the database answered when it was last asked. */
  up = false;

  constructor(private readonly source: ConnectionStats) {}

  /** How old the figures are; infinite before the first ones. */
  get ageMs(): number {
    return performance.now() - this.takenAt;
  }

  /** The figures; never rejects. */
  current(): Promise<ConnectionFigures> {
    if (performance.now() - this.triedAt < FRESH_MS) return this.asking ?? Promise.resolve(this.figures);
    this.triedAt = performance.now();
    this.asking = this.ask().finally(() => (this.asking = undefined));
    return this.asking;
  }

  private async ask(): Promise<ConnectionFigures> {
    try {
      this.figures = await this.source.stats();
      this.takenAt = performance.now();
      this.up = true;
    } catch {
      this.up = false;
    }
    return this.figures;
  }
}
