import pg from 'pg';

/** The database that the broker uses in the embedded server. */
export const DATABASE = 'token_broker';

/**
 * Creates the broker's database unless it is there already. Doing it at each start proves that the server
 * lets us in, and repairs a start that was cut short between `initdb` and this.
 *
 * @param urlOf makes the connection URL of a database
 */
export async function ensureDatabase(urlOf: (database: string) => string): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf('postgres'), connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (found.rowCount === 0)
      await client.query(`CREATE DATABASE ${DATABASE} TEMPLATE template0 ENCODING 'UTF8'`);
  } finally {
    await client.end();
  }
}
