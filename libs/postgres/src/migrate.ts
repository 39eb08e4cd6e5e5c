import { dataSource, type DatabaseOptions, type Migrations } from './database.js';
import { translated } from './store-errors.js';

/** Any number that other programs on the same database do not use for their advisory locks. */
const MIGRATION_LOCK = 7_305_817_263;

/**
 * Brings the schema up to date. Two processes that migrate at once would collide: each waits for the other
 * by an advisory lock (PostgreSQL manual, section 13.3.5).
 * @returns the names of the migrations that were run
 * @throws {StoreUnavailableError}
 */
export async function migrate(
  options: Pick<DatabaseOptions, 'url' | 'applicationName'>,
  migrations: Migrations,
): Promise<string[]> {
  // A migration takes the time that it takes: of a large table, minutes.
  const noTimeouts = { statementMs: 0, clientSideMs: 0 };
  const source = dataSource(
    { ...options, idleInTransactionTimeoutMs: 0 },
    2,
    migrations,
    undefined,
    noTimeouts,
  );
  await translated(() => source.initialize());
  const lock = source.createQueryRunner();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const run = await translated(() => source.runMigrations({ transaction: 'each' }));
    return run.map(({ name }) => name);
  } finally {
    await lock.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
    await lock.release();
    await source.destroy();
  }
}

/**
 * Whether the schema is the one that this program was made for.
 * @throws {StoreUnavailableError}
 */
export async function isMigrated(
  options: Pick<DatabaseOptions, 'url' | 'applicationName'>,
  migrations: Migrations,
): Promise<boolean> {
  const source = dataSource({ ...options, idleInTransactionTimeoutMs: 0 }, 1, migrations);
  await translated(() => source.initialize());
  try {
    const [table] = (await source.query(`SELECT to_regclass('token_broker_migration') AS name`)) as {
      name: string | null;
    }[];
    return table?.name != null && !(await source.showMigrations());
  } finally {
    await source.destroy();
  }
}
