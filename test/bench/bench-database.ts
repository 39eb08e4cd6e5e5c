import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/postgres/embedded';
import type { ClaimRequest } from '#libs/core';
import {
  migrate,
  openDatabase,
  PostgresClientStore,
  PostgresFleetStore,
  type Database,
} from '#libs/postgres';
import { migrations } from '#migrations';
import { temporaryDirectory } from '../../apps/dev/src/settings.js';

/** The replica in whose name benchmarks claim. */
export const SPENDER: ClaimRequest = {
  replica: 'bench',
  spoolId: randomUUID(),
  bootId: randomUUID(),
  attemptDeadlineMs: 60_000,
  attemptFloor: 0,
};

/** The OAuth client of every benchmark. */
export const CLIENT = 'bench';

/** A PostgreSQL server for a benchmark: durable as in production, with memory for its tables. */
export class BenchServer {
  private constructor(
    private readonly dir: string,
    private readonly server: EmbeddedPostgres,
  ) {}

  static async start(): Promise<BenchServer> {
    const dir = temporaryDirectory('bench');
    const settings = { shared_buffers: '1GB', max_wal_size: '8GB', checkpoint_timeout: '30min' };
    return new BenchServer(dir, await startEmbeddedPostgres({ dataDir: join(dir, 'postgres'), settings }));
  }

  /** A migrated database of its own, with one OAuth client. */
  async database(
    name: string,
    client: { readonly ratePerSecond: number; readonly maxConcurrent: number },
    connections = { rotation: 8, other: 8 },
  ): Promise<Database> {
    const admin = await openDatabase(optionsFor(this.server.url, { rotation: 1, other: 1 }));
    await admin.main.query(`CREATE DATABASE ${name}`);
    await admin.close();
    await migrate({ url: this.urlOf(name), applicationName: 'bench' }, migrations);
    const database = await this.open(name, connections);
    await new PostgresClientStore(database.main).createClient({
      uid: randomUUID(),
      id: CLIENT,
      issuer: 'https://as.example',
      clientId: CLIENT,
      authMethod: 'none',
      scopes: [],
      profile: 'strict',
      rotateAt: 0.5,
      defaultTokenTtlMs: 3_600_000,
      ...client,
    });
    const { replica, spoolId, bootId } = SPENDER;
    await new PostgresFleetStore(database.main).register({ name: replica, spoolId, bootId });
    // It has proved itself.
    await database.main.query('UPDATE token_broker.oauth_client SET canary = NULL');
    return database;
  }

  /** Opens such a database once more, with pools of its own. */
  open(name: string, connections: { readonly rotation: number; readonly other: number }): Promise<Database> {
    return openDatabase(optionsFor(this.urlOf(name), connections));
  }

  private urlOf(name: string): string {
    const url = new URL(this.server.url);
    url.pathname = `/${name}`;
    return url.href;
  }

  async stop(): Promise<void> {
    await this.server.stop('immediate');
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/**
 * Adds connections of users with refresh tokens. Their indexes are made afterwards, which is much faster.
 * @param rows SQL for when each is `due`, when its access token `expires`, and its sealed refresh `token`; `n` is
 *   its number
 */
export async function addConnections(
  { main }: Pick<Database, 'main'>,
  count: number,
  rows: { readonly due: string; readonly expires: string; readonly token?: string },
): Promise<void> {
  const { due, expires, token = `'sealed'` } = rows;
  const indexes = await main.query<{ name: string; definition: string }[]>(
    `SELECT i.relname AS name, pg_get_indexdef(i.oid) AS definition
     FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
     WHERE x.indrelid = 'token_broker.connection'::regclass AND NOT x.indisunique`,
  );
  for (const { name } of indexes) await main.query(`DROP INDEX token_broker.${name}`);
  const batch = 100_000;
  for (let from = 0; from < count; from += batch) {
    await main.query(
      `INSERT INTO token_broker.connection
         (uid, client_id, id, state, subject_kind, subject, grant_type, generation, sealed_refresh_token, scopes,
          due_at, planned_at, expires_at, token_ttl_ms, last_rotated_at)
       SELECT gen_random_uuid(), '${CLIENT}', 'user-' || n, 'ACTIVE', 'USER', 'user-' || n, 'refresh_token', 1,
         ${token}, '{openid,offline_access}', due, due, expires, 3600000, now()
       FROM (SELECT n, due, ${expires} AS expires
             FROM (SELECT n, ${due} AS due FROM generate_series($1::int, $2::int) n) numbered) rows`,
      [from, Math.min(from + batch, count) - 1],
    );
  }
  for (const { definition } of indexes) await main.query(definition);
  await main.query('VACUUM (ANALYZE) token_broker.connection');
}

function optionsFor(
  url: string,
  { rotation, other }: { readonly rotation: number; readonly other: number },
): Parameters<typeof openDatabase>[0] {
  return {
    url,
    applicationName: 'bench',
    rotationConnections: rotation,
    otherConnections: other,
    idleInTransactionTimeoutMs: 120_000,
  };
}
