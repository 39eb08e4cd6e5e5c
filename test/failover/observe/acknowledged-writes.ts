import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { DatabaseCluster } from '../cluster/cluster.js';

/** A row that the database has acknowledged. */
interface Acknowledged {
  readonly seq: number;
  /** The port of the server that acknowledged it: it tells the nodes apart. */
  readonly port: number;
  /** `performance.now()`. */
  readonly at: number;
}

const DATABASE = 'failover_probe';
const WRITE_EVERY_MS = 100;
const ANSWER_WITHIN_MS = 3_000;

/**
 * A row through HAProxy, ten times a second, by a client that knows nothing of failovers: which server says
 * that it is safe, and whether it is there in the end. It judges the database, not the broker.
 */
export class AcknowledgedWrites {
  private readonly acknowledged: Acknowledged[] = [];
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private client: pg.Client | undefined;
  private seq = 0;

  constructor(private readonly cluster: DatabaseCluster) {}

  async start(): Promise<void> {
    const url = this.cluster.adminUrl(DATABASE);
    await this.cluster.query(url, 'CREATE TABLE IF NOT EXISTS write (seq bigint PRIMARY KEY)');
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    void this.client?.end().catch(() => undefined);
  }

  /** The first acknowledgement after a moment. */
  firstAfter(moment: number): number | undefined {
    return this.acknowledged.find(({ at }) => at > moment)?.at;
  }

  /** How many were acknowledged in a span, and how many of them by a certain server. */
  count(from: number, to: number, port?: number): number {
    return this.acknowledged.filter(
      (one) => one.at >= from && one.at < to && (port === undefined || one.port === port),
    ).length;
  }

  /** How many of those acknowledged in a span are not there any more. */
  async lost(from: number, to: number): Promise<number> {
    const rows = await this.cluster.query(this.cluster.adminUrl(DATABASE), 'SELECT seq FROM write', 20_000);
    const present = new Set(rows.map(({ seq }) => Number(seq)));
    return this.acknowledged.filter(({ seq, at }) => at >= from && at < to && !present.has(seq)).length;
  }

  /** A write at one server past HAProxy: what a client with a stale address would see. */
  async directly(node: Parameters<DatabaseCluster['adminUrl']>[1]): Promise<string> {
    const url = this.cluster.adminUrl(DATABASE, node);
    try {
      this.seq += 1;
      await this.cluster.query(url, `INSERT INTO write VALUES (${this.seq})`, ANSWER_WITHIN_MS);
      return 'acknowledged';
    } catch (error) {
      return `not acknowledged: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.write().catch(() => {
        void this.client?.end().catch(() => undefined);
        this.client = undefined;
      });
      await sleep(WRITE_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private async write(): Promise<void> {
    this.client ??= await this.connect();
    this.seq += 1;
    const { seq } = this;
    const { rows } = await this.client.query<{ port: number }>(
      'INSERT INTO write VALUES ($1) RETURNING inet_server_port() AS port',
      [seq],
    );
    this.acknowledged.push({ seq, port: rows[0]?.port ?? 0, at: performance.now() });
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.cluster.adminUrl(DATABASE),
      connectionTimeoutMillis: ANSWER_WITHIN_MS,
      query_timeout: ANSWER_WITHIN_MS,
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }
}
