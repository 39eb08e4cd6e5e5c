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

/** `pg_stat_activity` shows the state of sessions of one's own role ("Monitoring Database Activity"). */
const WHO_LIVES = `
  WITH asked AS MATERIALIZED (SELECT pid, state FROM pg_stat_activity WHERE pid = ANY ($1::int[]))
  SELECT pg_postmaster_start_time()::text AS server, pg_is_in_recovery() AS standby,
    ARRAY(SELECT pid FROM asked) AS alive,
    ARRAY(SELECT pid FROM asked WHERE state LIKE 'idle%') AS idle`;

/** What the server that answers now knows. */
interface Known {
  readonly server: string;
  readonly standby: boolean;
  /** Processes that live. */
  readonly alive: readonly number[];
  /** Those of them that wait for a statement. */
  readonly idle: readonly number[];
}

/**
 * Finds connections whose other end is gone without a word. After a failover through a network that says
 * nothing, or with a primary that hangs, no packet ever tells the client: it would wait out its longest
 * timeout. Whenever a statement has been waiting for some seconds, the watch asks the database on a new
 * connection what it knows of the process that is to answer it. A primary that does not know it is another
 * server, or has been restarted: every connection to the old one is given up. So is a connection whose process
 * waits for a statement: what was sent, or what was answered, is lost on the way. Where the process is at work
 * (it waits for a lock or for a standby), or nobody answers, nothing is done.
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
    if (![...this.connections].some(isSilent)) return;
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
    const [alive, idle] = [new Set(now.alive), new Set(now.idle)];
    const lost = known.filter(
      ({ connection, server, pid }) =>
        server !== now.server || !alive.has(pid) || (idle.has(pid) && isSilent(connection)),
    );
    if (lost.length === 0) return;
    for (const { connection } of lost) {
      connection.abandon('the database that answers now does not know its statement');
    }
    this.options.connectionsAbandoned?.(lost.length);
  }

  private async ask(pids: readonly number[]): Promise<Known | undefined> {
    const client = new Client({
      connectionString: this.options.url,
      application_name: `${this.options.applicationName} watch`,
      connectionTimeoutMillis: ANSWER_WITHIN_MS,
      query_timeout: ANSWER_WITHIN_MS,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<Known>(WHO_LIVES, [pids]);
      return rows[0];
    } finally {
      void client.end().catch(() => undefined);
    }
  }
}

function isSilent(connection: PrimaryConnection): boolean {
  return connection.silentForMs > SILENT_AFTER_MS;
}
