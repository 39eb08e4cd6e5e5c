import { Client } from 'pg';
import type { PrimaryConnection } from './primary-connection.js';

/** What the watch needs. */
export interface ConnectionWatchOptions {
  readonly url: string;
  readonly applicationName: string;
  /** Is told how many connections were given up. */
  readonly connectionsAbandoned?: (count: number) => void;
}

/** From when on a statement without an answer is asked about. Locks and synchronous commits may take longer. */
const SILENT_AFTER_MS = 3_000;
const LOOK_EVERY_MS = 1_000;
const ANSWER_WITHIN_MS = 3_000;

const WHO_LIVES = `
  SELECT pg_postmaster_start_time()::text AS server, pg_is_in_recovery() AS standby,
    ARRAY(SELECT pid FROM pg_stat_activity WHERE pid = ANY ($1::int[])) AS pids`;

/**
 * Finds connections whose other end is gone without a word. After a failover through a network that says
 * nothing, or with a primary that hangs, no packet ever tells the client: it would wait out its longest
 * timeout. Whenever a statement has been waiting for some seconds, the watch asks the database on a new
 * connection whether it knows the process that is to answer it. A primary that does not is another server, or
 * has been restarted: every connection to the old one is given up. Where the process is known (it waits for a
 * lock or for a standby), or nobody answers, nothing is done.
 */
export class ConnectionWatch {
  private readonly timer: NodeJS.Timeout;
  private asking = false;

  constructor(
    private readonly connections: ReadonlySet<PrimaryConnection>,
    private readonly options: ConnectionWatchOptions,
  ) {
    this.timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
    this.timer.unref();
  }

  /** Ends the watch. */
  stop(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (this.asking) return;
    const waiting = [...this.connections].some((one) => one.silentForMs > SILENT_AFTER_MS);
    if (!waiting) return;
    this.asking = true;
    try {
      await this.giveUpUnknown();
    } catch {
      // The database is away: it cannot be known which connections still lead to it.
    } finally {
      this.asking = false;
    }
  }

  private async giveUpUnknown(): Promise<void> {
    const known = [...this.connections].flatMap((connection) => {
      const { serverProcess } = connection;
      return serverProcess ? [{ connection, ...serverProcess }] : [];
    });
    const now = await this.ask(known.map(({ pid }) => pid));
    if (now === undefined || now.standby) return;
    const alive = new Set(now.pids);
    const lost = known.filter(({ server, pid }) => server !== now.server || !alive.has(pid));
    if (lost.length === 0) return;
    for (const { connection } of lost) {
      connection.abandon('the database that answers now does not know this connection');
    }
    this.options.connectionsAbandoned?.(lost.length);
  }

  private async ask(
    pids: readonly number[],
  ): Promise<{ server: string; standby: boolean; pids: number[] } | undefined> {
    const client = new Client({
      connectionString: this.options.url,
      application_name: `${this.options.applicationName} watch`,
      connectionTimeoutMillis: ANSWER_WITHIN_MS,
      query_timeout: ANSWER_WITHIN_MS,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ server: string; standby: boolean; pids: number[] }>(WHO_LIVES, [
        pids,
      ]);
      return rows[0];
    } finally {
      void client.end().catch(() => undefined);
    }
  }
}
