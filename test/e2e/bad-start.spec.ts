import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { Child } from '../../apps/dev/src/child.js';
import { ensureDevelopmentPki, type DevelopmentPki } from '../../apps/dev/src/development-pki.js';
import { ensureSealingKey } from '../../apps/dev/src/sealing-key.js';
import { temporaryDirectory } from '../../apps/dev/src/settings.js';
import { startTestDatabase, type TestDatabase } from '../harness/test-database.js';

describe('a bad start says what to do, ends with a failure, and damages nothing', () => {
  let db: TestDatabase;
  let dir: string;
  let pki: DevelopmentPki;
  let good: Record<string, string>;

  beforeAll(async () => {
    db = await startTestDatabase();
    dir = temporaryDirectory('bad-start');
    pki = await ensureDevelopmentPki({ dir: join(dir, 'pki') });
    await ensureSealingKey(join(dir, 'sealing.jwks'));
    good = {
      DATABASE_URL: db.url,
      TOKEN_BROKER_GRPC_ADDRESS: '127.0.0.1:0',
      TOKEN_BROKER_GRPC_CERT_FILE: pki.server.certificateFile,
      TOKEN_BROKER_GRPC_KEY_FILE: pki.server.privateKeyFile,
      TOKEN_BROKER_GRPC_CLIENT_CA_FILE: pki.caCertificateFile,
      TOKEN_BROKER_WEB_ADDRESS: '127.0.0.1:0',
      TOKEN_BROKER_PUBLIC_URL: 'http://127.0.0.1:7480',
      TOKEN_BROKER_SEALING_KEY_FILE: join(dir, 'sealing.jwks'),
      TOKEN_BROKER_SPOOL_DIR: join(dir, 'spool'),
      TOKEN_BROKER_ADMINISTRATORS: 'spiffe://token-broker.dev/admin',
    };
  });

  afterAll(async () => {
    await db?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const start = (env: Record<string, string>): Child =>
    new Child({ name: 'broker', entry: 'apps/broker/src/main.js', env });

  const failing = async (over: Record<string, string>): Promise<string> => {
    const child = start({ ...good, ...over });
    expect(await child.exited).toBe(1);
    expect(child.lastWords()).not.toMatch(/\n\s+at /);
    return child.lastWords();
  };

  it('a good start serves, and SIGTERM ends it with status 0', async () => {
    const child = start(good);
    await child.waitFor(({ json }) => json?.['event'] === 'broker.started');
    expect(await child.stop()).toBe(0);
  });

  it('all mistakes of the configuration at once, contradictions and unknown names included', async () => {
    const words = await failing({
      DATABASE_URL: 'mysql://x',
      TOKEN_BROKER_SEALING_KEY_FILE: '',
      TOKEN_BROKER_WEB_ADDRESS: '0.0.0.0:7480',
      TOKEN_BROKER_TICK_SECONDS: 'often',
      TOKEN_BROKER_LOG_LEVEL: 'loud',
      TOKEN_BROKER_TIK_SECONDS: '1',
    });
    for (const name of [
      'DATABASE_URL',
      'TOKEN_BROKER_SEALING_KEY_FILE',
      'TOKEN_BROKER_WEB_ADDRESS',
      'TOKEN_BROKER_TICK_SECONDS',
      'TOKEN_BROKER_LOG_LEVEL',
      'TOKEN_BROKER_TIK_SECONDS',
    ]) {
      expect(words).toContain(name);
    }
    const contradictions = await failing({
      TOKEN_BROKER_WEB_ADDRESS: '0.0.0.0:7480',
      TOKEN_BROKER_PUBLIC_URL: 'http://broker.example.com',
      TOKEN_BROKER_ATTEMPT_DEADLINE_SECONDS: '10',
    });
    expect(contradictions).toContain('in the clear');
    expect(contradictions).toContain('has to be https');
    expect(contradictions).toContain('TOKEN_BROKER_ATTEMPT_DEADLINE_SECONDS');
  });

  it('a port in use', async () => {
    const other: Server = createServer().listen(0, '127.0.0.1');
    await new Promise((listening) => other.once('listening', listening));
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    for (const setting of ['TOKEN_BROKER_WEB_ADDRESS', 'TOKEN_BROKER_GRPC_ADDRESS']) {
      const words = await failing({ [setting]: address });
      expect(words).toContain(address);
      expect(words).toContain(setting);
      expect(words).toContain('another program listens there');
    }
    other.close();
  });

  it('other sealing keys than the data was sealed with: refused, and the data stays as it is', async () => {
    await ensureSealingKey(join(dir, 'other.jwks'));
    const client = new Client({ connectionString: db.url });
    await client.connect();
    const before = await client.query('SELECT * FROM token_broker.installation');
    const words = await failing({ TOKEN_BROKER_SEALING_KEY_FILE: join(dir, 'other.jwks') });
    expect(words).toContain('not the ones that this database was sealed with');
    expect((await client.query('SELECT * FROM token_broker.installation')).rows).toEqual(before.rows);
    await client.end();
  });

  it('an unreachable database, without its password in the message', async () => {
    const words = await failing({ DATABASE_URL: 'postgres://user:the-password@127.0.0.1:1/x' });
    expect(words).toContain('DATABASE_URL cannot be used');
    expect(words).not.toContain('the-password');
  });

  it('a database without the schema', async () => {
    const url = new URL(db.url);
    url.pathname = '/postgres';
    expect(await failing({ DATABASE_URL: url.href })).toContain('migrate.js');
  });

  it('unreadable and broken files', async () => {
    writeFileSync(join(dir, 'broken.pem'), 'no certificate');
    expect(await failing({ TOKEN_BROKER_GRPC_CERT_FILE: join(dir, 'missing.pem') })).toContain(
      'TOKEN_BROKER_GRPC_CERT_FILE',
    );
    expect(await failing({ TOKEN_BROKER_GRPC_CERT_FILE: join(dir, 'broken.pem') })).toMatch(
      /certificate|PEM/i,
    );
    expect(await failing({ TOKEN_BROKER_SEALING_KEY_FILE: join(dir, 'missing.jwks') })).toContain(
      'sealing keys',
    );
  });
});
