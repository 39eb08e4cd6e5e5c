import { messageOf } from '#libs/core';
import { migrate } from '#libs/postgres';
import { migrations } from '#migrations';

/** `node dist/apps/broker/src/migrate.js`: brings the schema of DATABASE_URL up to date, and ends. */
async function main(): Promise<void> {
  const url = process.env['DATABASE_URL'];
  if (!url) throw new Error('DATABASE_URL is missing: give postgres://user:password@host:port/database.');
  const run = await migrate({ url, applicationName: 'token-broker migrate' }, migrations);
  process.stdout.write(run.length === 0 ? 'The schema is up to date.\n' : `Migrated: ${run.join(', ')}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`The migrations could not be run: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
