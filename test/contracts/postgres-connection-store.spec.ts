import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import {
  connectionFigures,
  PostgresClientStore,
  PostgresConnectionStore,
  PostgresRotationStore,
} from '#libs/postgres';
import type { Sealed } from '#libs/core';
import { startTestDatabase, type TestDatabase } from '../harness/test-database.js';
import { connectionStoreContract, NOT_OURS, type ContractFields } from './connection-store.contract.js';

const DAY = 86_400_000;
let db: TestDatabase;

beforeAll(async () => {
  db = await startTestDatabase();
  for (const id of ['c', 'd']) {
    await new PostgresClientStore(db.database.main).createClient({
      uid: randomUUID(),
      id,
      issuer: 'https://as.example',
      clientId: 'c',
      authMethod: 'none',
      scopes: [],
      profile: 'strict',
      rotateAt: 0.5,
      defaultTokenTtlMs: 300_000,
      ratePerSecond: 1_000,
      maxConcurrent: 1_000,
    });
  }
});

afterAll(() => db.close());

async function addConnection(fields: ContractFields = {}): Promise<string> {
  const uid = randomUUID();
  const { main } = db.database;
  await new PostgresConnectionStore(main).create({
    uid,
    clientId: fields.clientId ?? 'c',
    connectionId: uid,
    state: fields.state ?? 'ACTIVE',
    subjectKind: 'USER',
    grantType: 'refresh_token',
    generation: 1,
    refreshToken: 'sealed-1' as Sealed,
    scopes: ['a'],
    due: true,
  });
  const time = (ms: number | undefined): Date | null => (ms === undefined ? null : new Date(ms));
  await main.query(
    `UPDATE token_broker.connection SET failure_count = $2, last_error_code = $3, last_error_at = $4,
       authorized_at = $5, refresh_expires_at = $6, authorization_expires_at = $7,
       created_at = coalesce($8, created_at), last_rotated_at = now() - interval '1 hour'
     WHERE uid = $1`,
    [
      uid,
      fields.failureCount ?? 0,
      fields.lastError?.code ?? null,
      time(fields.lastError?.at),
      time(fields.authorizedAt),
      time(fields.refreshExpiresAt),
      time(fields.authorizationExpiresAt),
      time(fields.createdAt),
    ],
  );
  return uid;
}

connectionStoreContract('PostgreSQL', async () => {
  const { main } = db.database;
  await main.query('TRUNCATE token_broker.connection CASCADE');
  return {
    store: new PostgresConnectionStore(main),
    addConnection,
    find: (uid) => new PostgresRotationStore(db.database, () => performance.now()).find(uid),
  };
});

describe('PostgreSQL, beside the contract', () => {
  beforeEach(() => db.database.main.query('TRUNCATE token_broker.connection CASCADE'));

  test.each([
    Buffer.from('["yesterday","x"]').toString('base64url'),
    Buffer.from('["2026-01-01 00:00:00+00","not-a-uuid"]').toString('base64url'),
    'x',
  ])('a page token that is none of ours is refused: %s', async (pageToken) => {
    const store = new PostgresConnectionStore(db.database.main);
    const list = store.listReauthorizations({ withinMs: DAY, pageSize: 2, pageToken });
    await expect(list).rejects.toEqual(NOT_OURS);
  });

  it('counts what will need its user, and not what does already', async () => {
    await addConnection({ state: 'REAUTHORIZATION_REQUIRED' });
    await addConnection({ authorizationExpiresAt: Date.now() - DAY });
    await addConnection({ authorizationExpiresAt: Date.now() + 3 * DAY });
    await addConnection({ authorizationExpiresAt: Date.now() + 20 * DAY });
    await addConnection({ authorizationExpiresAt: Date.now() + 200 * DAY });
    const { reauthorizationsDue } = await connectionFigures(db.database.main);
    expect(reauthorizationsDue).toEqual({ '1d': 1, '7d': 2, '30d': 3 });
  });

  it('finds them by an index, however many there are', async () => {
    const { main } = db.database;
    await main.query(
      `INSERT INTO token_broker.connection (uid, client_id, id, state, subject_kind, grant_type, generation, scopes,
         authorization_expires_at)
       SELECT gen_random_uuid(), 'c', i::text, 'ACTIVE', 'USER', 'refresh_token', 1, '{}',
         now() + i * interval '1 hour'
       FROM generate_series(1, 20000) i`,
    );
    await main.query('ANALYZE token_broker.connection');
    const plan = (await main.query(
      `EXPLAIN SELECT * FROM token_broker.connection WHERE reauthorize_at <= now() + interval '7 days'
       ORDER BY reauthorize_at, uid LIMIT 50`,
    )) as { 'QUERY PLAN': string }[];
    expect(JSON.stringify(plan)).toContain('connection_reauthorize');
  });
});
