import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ensureDevelopmentPki } from './development-pki.js';
import { DevelopmentSecrets } from './development-secrets.js';
import { EXAMPLES } from './examples.js';
import { ensureSealingKey } from './sealing-key.js';
import { DevelopmentStack } from './stack.js';

const DATABASE_PASSWORD = 'postgres-password';

/**
 * `node dist/apps/dev/src/certificates.js <dir>`: what docker-compose.yml needs before anything can start, made
 * at the first run and kept at every later one: certificates, the sealing key, passwords and secrets. For
 * development only: all of it lies in one directory.
 */
async function main(): Promise<void> {
  const [given] = process.argv.slice(2);
  if (given === undefined) throw new Error('Give the directory to write to.');
  const dir = resolve(given);
  const pki = await ensureDevelopmentPki({ dir: join(dir, 'pki') });
  await pki.issueServer({ name: 'dev-as', commonName: 'dev-as', dnsNames: ['dev-as', 'localhost'] });
  for (const name of ['admin', EXAMPLES.workload]) {
    await pki.issueClient({ name, commonName: name, spiffeId: DevelopmentStack.identityOf(name) });
  }
  await ensureSealingKey(join(dir, 'keys', 'sealing.jwks'));
  writeSecrets(dir, DevelopmentSecrets.open(join(dir, 'keys', 'development.key')));
  console.log(`Certificates, keys and secrets are in ${dir}.`);
}

function writeSecrets(dir: string, secrets: DevelopmentSecrets): void {
  const secretOf = (clientId: string): string => secrets.derive(`client secret of ${clientId}`);
  const clients = [
    {
      client_id: 'indicium-web',
      client_name: 'Token Broker',
      client_secret: secretOf('indicium-web'),
      redirect_uris: [`${process.env['TOKEN_BROKER_PUBLIC_URL'] ?? 'https://localhost:7480'}/callback`],
    },
    {
      client_id: 'indicium-batch',
      client_secret: secretOf('indicium-batch'),
      grant_types: ['client_credentials'],
      linked_user: 'svc-invoice',
    },
  ];
  mkdirSync(join(dir, 'env'), { recursive: true, mode: 0o700 });
  mkdirSync(join(dir, 'secrets'), { recursive: true, mode: 0o700 });
  for (const { client_id, client_secret } of clients) write(dir, `secrets/${client_id}`, client_secret);
  const password = databasePassword(join(dir, DATABASE_PASSWORD));
  write(dir, 'env/broker.env', `DATABASE_URL=postgres://token_broker:${password}@postgres:5432/token_broker`);
  const control = secrets.derive('dev-as control');
  write(
    dir,
    'env/dev-as.env',
    `DEV_AS_CLIENTS='${JSON.stringify(clients)}'\nDEV_AS_CONTROL_TOKEN=${control}`,
  );
}

/** Readable for all accounts: PostgreSQL's container reads it as another one. Its database keeps the first. */
function databasePassword(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o644 });
  return readFileSync(file, 'utf8');
}

function write(dir: string, file: string, text: string): void {
  writeFileSync(join(dir, file), `${text}\n`, { mode: 0o600 });
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
