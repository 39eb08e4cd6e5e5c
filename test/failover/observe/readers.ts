import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { TokenBrokerError, type BrokerConnection } from '#libs/client';
import { getToken } from '../../harness/broker-calls.js';

/**
 * `held`: tokens that outlive every outage, so that nothing but a read of memory is measured. `rotating`: short
 * ones, which run out when nobody can rotate them.
 */
export type ReadGroup = 'held' | 'rotating';

/** One read of a token. */
interface Read {
  readonly at: number;
  readonly ms: number;
  readonly group: ReadGroup;
  /** Empty for a token. */
  readonly refusal: string;
  /**
   * Refused although the last token that this replica gave out still had life; not where the authorization is
   * over, since nothing is handed out then (decision 0006).
   */
  readonly needless: boolean;
}

/** What became of the reads in a span. */
export interface ReadFigures {
  readonly reads: number;
  readonly refused: Record<string, number>;
  readonly needlesslyRefused: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Reads that took longer than a second: they waited for something. */
  readonly slow: number;
}

const READ_EVERY_MS = 15;
const SLOW_MS = 1_000;
const DEADLINE_MS = 5_000;
/** A token counts as over a twentieth of its life early, and a read takes a moment. */
const MARGIN_MS = 250;

/** Reads tokens from one replica, all the time, in turn: two held ones for each rotating one. */
export class Reader {
  private readonly reads: Read[] = [];
  private readonly stopping = new AbortController();
  private readonly goodUntil = new Map<string, number>();
  private running: Promise<unknown> | undefined;

  constructor(
    private readonly broker: BrokerConnection,
    private readonly names: Record<ReadGroup, readonly string[]>,
    private readonly rotatingTtlMs: number,
  ) {}

  start(): void {
    // The groups do not wait for each other: a read of a token that is over may take its time.
    this.running = Promise.all([this.run('held', READ_EVERY_MS), this.run('rotating', 2 * READ_EVERY_MS)]);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  static figures(readers: readonly Reader[], group: ReadGroup, from: number, to: number): ReadFigures {
    const reads = readers
      .flatMap((reader) => reader.reads)
      .filter((read) => read.group === group && read.at >= from && read.at < to);
    const sorted = reads.map(({ ms }) => ms).toSorted((a, b) => a - b);
    const at = (share: number): number =>
      Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1));
    const refused: Record<string, number> = {};
    for (const { refusal } of reads) if (refusal) refused[refusal] = (refused[refusal] ?? 0) + 1;
    return {
      reads: reads.length,
      refused,
      needlesslyRefused: reads.filter(({ needless }) => needless).length,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: at(1),
      slow: reads.filter(({ ms }) => ms > SLOW_MS).length,
    };
  }

  private async run(group: ReadGroup, everyMs: number): Promise<void> {
    const { signal } = this.stopping;
    const names = this.names[group];
    for (let i = 0; !signal.aborted; i += 1) {
      const name = names[i % names.length];
      if (name !== undefined) await this.read(group, name);
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private async read(group: ReadGroup, name: string): Promise<void> {
    const at = performance.now();
    let refusal = '';
    try {
      const { expireTime } = await getToken(this.broker, name, { deadlineMs: DEADLINE_MS });
      const allowance = group === 'rotating' ? this.rotatingTtlMs / 20 : 10_000;
      this.goodUntil.set(name, Number(expireTime?.seconds ?? 0n) * 1_000 - allowance - MARGIN_MS);
    } catch (error) {
      refusal = error instanceof TokenBrokerError ? error.reason || `code ${error.code}` : String(error);
    }
    const ended = refusal === 'REAUTHORIZATION_REQUIRED';
    const needless = refusal !== '' && !ended && Date.now() < (this.goodUntil.get(name) ?? 0);
    this.reads.push({ at, ms: performance.now() - at, group, refusal, needless });
  }
}
