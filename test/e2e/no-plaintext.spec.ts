import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { call, type BrokerConnection } from '#libs/client';
import { Secret } from '#libs/core';
import { presentAgain, refreshTokenOf } from '../../apps/dev/src/demo-checks.js';
import { EXAMPLES, registerClient, registerExamples } from '../../apps/dev/src/examples.js';
import { connectUser, getToken, refusalOf, rotate } from '../harness/broker-calls.js';
import { startTestStack, type TestStack } from '../harness/test-stack.js';

const { userConnection: ADA, serviceAccount: SERVICE } = EXAMPLES;
const SCOPES = ['openid', 'offline_access', 'sf/software_development'];

describe('P9: at rest there is ciphertext only', () => {
  let test: TestStack;
  let admin: BrokerConnection;
  let secrets: string[];

  beforeAll(async () => {
    test = await startTestStack();
    admin = await test.stack.connect('admin');
    await registerExamples(test.stack, admin);
    const workload = await test.stack.connect(EXAMPLES.workload);
    const link = await connectUser(admin, ADA, 'ada');
    const first = await refreshTokenOf(test.stack, 'ada');
    const tokens = [await getToken(workload, ADA), await getToken(workload, SERVICE)];
    await rotate(admin, ADA);
    tokens.push(await getToken(workload, ADA));
    const second = await refreshTokenOf(test.stack, 'ada');

    // The failing paths as well: a refused import, a wrong secret, a reused token, a revoked grant.
    const imported = 'imported-refresh-token-0123456789abcdefghij';
    await call(admin.connections.importConnection.bind(admin.connections), {
      parent: 'clients/indicium',
      connectionId: 'imported',
      refreshToken: imported,
      subjectKind: 1,
      subject: '',
      scopes: [],
      authorizeTime: undefined,
    });
    await refusalOf(rotate(admin, 'clients/indicium/connections/imported'));
    await registerClient(test.stack, admin, 'wrong-secret', 'indicium-public', SCOPES);
    expect(await presentAgain(test.stack, first)).toBe('invalid_grant');
    await refusalOf(rotate(admin, ADA));
    workload.close();

    secrets = [
      ...tokens.map(({ accessToken }) => accessToken),
      first.reveal(),
      second.reveal(),
      imported,
      ...['indicium-web', 'indicium-batch', 'indicium-public'].map((id) => test.stack.clientSecret(id)),
      link.slice(link.lastIndexOf('/') + 1),
    ];
  }, 120_000);

  afterAll(async () => {
    admin?.close();
    await test?.close();
  });

  it('the search itself finds what is there', () => {
    expect(findIn('a text with the needle in it', ['needle'])).toEqual(['needle']);
    expect(new Set(secrets).size).toBe(secrets.length);
    for (const secret of secrets) expect(secret.length).toBeGreaterThan(20);
  });

  it('no token and no client secret is in any table', async () => {
    const client = new Client({ connectionString: test.stack.databaseUrl });
    await client.connect();
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'token_broker'`,
    );
    expect(tables.length).toBeGreaterThan(6);
    let dump = '';
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
      dump += rows.map(({ row }) => row).join('\n');
    }
    await client.end();
    expect(dump).toContain('eyJ');
    expect(findIn(dump, secrets)).toEqual([]);
  });

  it('nor in any file of the data directory: logs, write-ahead log, authorization server', async () => {
    await test.stack.embeddedPostgres?.stop();
    const files = allFiles(test.dir);
    expect(files.some((file) => file.includes('pg_wal'))).toBe(true);
    expect(files.some((file) => file.endsWith('broker-1.log'))).toBe(true);
    const found = files.flatMap((file) =>
      findIn(readFileSync(file, 'latin1'), secrets).map((secret) => `${file}: ${secret.slice(0, 6)}…`),
    );
    expect(found).toEqual([]);
  });

  it('nor in what the broker printed', () => {
    const printed = test.brokerLines.map(({ text }) => text).join('\n');
    expect(printed).toContain('rotation.succeeded');
    expect(findIn(printed, secrets)).toEqual([]);
  });

  it('a secret in memory does not print', () => {
    expect(
      `${new Secret('abc') as unknown as string} ${JSON.stringify({ s: new Secret('abc') })}`,
    ).not.toContain('abc');
  });
});

function findIn(text: string, needles: readonly string[]): string[] {
  return needles.filter((needle) => text.includes(needle));
}

function allFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((file) => statSync(file).isFile());
}
