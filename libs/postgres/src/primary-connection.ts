import { performance } from 'node:perf_hooks';
import { Client, type ClientConfig, type QueryConfig } from 'pg';
import { isReadOnly, isReadTimeout } from './store-errors.js';

/** One server process at the other end: what tells it from every other one, on this server or elsewhere. */
export interface ServerProcess {
  /** When the server was started. A standby that was promoted, and a server that was restarted, has another. */
  readonly server: string;
  readonly pid: number;
}

/** What a pool gives to each of its connections. */
export interface PrimaryConnectionConfig extends ClientConfig {
  /** Where connections are entered while they are open. */
  readonly openConnections?: Set<PrimaryConnection>;
}

const FIRST_ANSWER_WITHIN_MS = 5_000;
const WHO_IS_THERE = `
  SELECT pg_postmaster_start_time()::text AS server, pg_backend_pid() AS pid, pg_is_in_recovery() AS standby`;

/**
 * A connection of a pool that leads to a primary or ends. pg gives one back to its pool whose statement timed
 * out, with the answer still to come, and one that leads to a standby: whoever borrows it next waits or fails
 * again. This one ends itself then, so that the pool makes another.
 */
export class PrimaryConnection extends Client {
  private process: ServerProcess | undefined;
  private readonly unanswered = new Set<number>();

  constructor(config: PrimaryConnectionConfig) {
    super(config);
    config.openConnections?.add(this);
    this.once('end', () => config.openConnections?.delete(this));
    const query = this.query.bind(this) as (...parameters: unknown[]) => unknown;
    this.query = ((...parameters: unknown[]) => {
      const answer = query(...parameters);
      if (answer instanceof Promise) void this.follow(answer);
      return answer;
    }) as Client['query'];
  }

  /**
   * The first statement, before anybody may use the connection: what `target_session_attrs=primary` does in
   * libpq. An address that leads to a standby for a moment does so to the end of the connection otherwise.
   * @throws with the SQLSTATE of a read-only server where it is a standby
   */
  async checkPrimary(): Promise<void> {
    const first = { text: WHO_IS_THERE, query_timeout: FIRST_ANSWER_WITHIN_MS } as QueryConfig;
    const { rows } = await this.query<ServerProcess & { standby: boolean }>(first);
    const [row] = rows;
    if (row?.standby) {
      const error = new Error('The address of the database leads to a standby, which cannot be written.');
      throw Object.assign(error, { code: '25006' });
    }
    if (row) this.process = { server: row.server, pid: row.pid };
  }

  /** The process at the other end, once {@link checkPrimary} has been answered. */
  get serverProcess(): ServerProcess | undefined {
    return this.process;
  }

  /** For how long the oldest statement has been waiting for its answer, in milliseconds; zero without any. */
  get silentForMs(): number {
    const [oldest] = this.unanswered;
    return oldest === undefined ? 0 : performance.now() - oldest;
  }

  /** Cuts the connection, whether it is idle or in use: its statements fail, and its pool lets it go. */
  abandon(why: string): void {
    this.connection.stream.destroy(new Error(`Connection terminated: ${why}`));
  }

  private async follow(answer: Promise<unknown>): Promise<void> {
    const since = performance.now();
    this.unanswered.add(since);
    try {
      await answer;
    } catch (error) {
      // Ended before it is given back, so that the pool does not keep it.
      if (isReadTimeout(error) || isReadOnly(error)) void this.end().catch(() => undefined);
    } finally {
      this.unanswered.delete(since);
    }
  }
}
