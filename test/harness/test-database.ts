import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/postgres/embedded';
import { migrate, openDatabase, type Database } from '#libs/postgres';
import { migrations } from '#migrations';
import { temporaryDirectory } from '../../apps/dev/src/settings.js';

/** A real, migrated database of a test's own. */
export interface TestDatabase {
  readonly server: EmbeddedPostgres;
  readonly url: string;
  readonly database: Database;
  close(): Promise<void>;
}

/** Starts an embedded PostgreSQL in a temporary directory. Its data is thrown away, so it need not be durable. */
export async function startTestDatabase(): Promise<TestDatabase> {
  const dir = temporaryDirectory('test');
  const server = await startEmbeddedPostgres({ dataDir: join(dir, 'postgres'), settings: { fsync: 'off' } });
  const options = { url: server.url, applicationName: 'test' };
  await migrate(options, migrations);
  const database = await openDatabase({
    ...options,
    rotationConnections: 8,
    otherConnections: 8,
    idleInTransactionTimeoutMs: 60_000,
  });
  return {
    server,
    url: server.url,
    database,
    close: async () => {
      await database.close();
      await server.stop('immediate');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
