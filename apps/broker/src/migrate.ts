import { messageOf } from '#libs/core';
import { migrate } from '#libs/postgres';
import { migrations } from '#migrations';

/** `node dist/apps/broker/src/migrate.js`: brings the schema of DATABASE_URL up to date, and ends. */
async function main(): Promise<void> {
  const url = process.env['DATABASE_URL'];
  if (!url) throw new Error('DATABASE_URL is missing: give postgres://user:password@host:port/database.');
  const run = await migrate({ url, applicationName: 'token-broker migrate' }, migrations);
  console.log(run.length === 0 ? 'The schema is up to date.' : `Migrated: ${run.join(', ')}`);
}

try {
  await main();
} catch (error) {
  console.error(`The migrations could not be run: ${messageOf(error)}`);
  process.exitCode = 1;
}
