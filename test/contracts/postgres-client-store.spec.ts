import { randomUUID } from 'node:crypto';
import type { ClientRow } from '#libs/core';
import { PostgresClientStore, PostgresDirectoryStore } from '#libs/postgres';
import { startTestDatabase, type TestDatabase } from '../harness/test-database.js';

const ROW: Omit<ClientRow, 'uid' | 'id'> = {
  issuer: 'https://as.example',
  clientId: 'app',
  authMethod: 'none',
  scopes: ['a'],
  profile: 'okta',
  rotateAt: 0.5,
  defaultTokenTtlMs: 300_000,
  ratePerSecond: 50,
  maxConcurrent: 16,
};

describe('ClientStore: PostgreSQL', () => {
  let db: TestDatabase;
  let store: PostgresClientStore;

  beforeAll(async () => {
    db = await startTestDatabase();
    store = new PostgresClientStore(db.database.main);
  });
  afterAll(() => db.close());

  it('an OAuth client’s own settings come back as they were, for every replica, and can be taken back', async () => {
    const row: ClientRow = {
      ...ROW,
      uid: randomUUID(),
      id: 'own-settings',
      profileSettings: {
        graceWindowMs: 5_000,
        rotates: false,
        answerRules: [{ statuses: [400], body: 'empty', meaning: 'final' }],
        authorizationParameters: { audience: 'https://api.example' },
      },
    };
    const created = await store.createClient(row);
    expect(created).toMatchObject(row);
    const { clients } = await new PostgresDirectoryStore(db.database.main).load();
    expect(clients.find(({ id }) => id === row.id)).toEqual(created);

    const { profileSettings: _own, ...without } = row;
    expect(await store.replaceClient(without, created.revision, false)).not.toHaveProperty('profileSettings');
  });

  it('connections follow a changed lifetime at once, and forget one that is taken back', async () => {
    const { main } = db.database;
    const uid = randomUUID();
    const created = await store.createClient({ ...ROW, uid: randomUUID(), id: 'lifetimes' });
    await main.query(
      `INSERT INTO token_broker.connection (uid, client_id, id, state, subject_kind, grant_type, generation, scopes,
         authorized_at, last_rotated_at, due_at, refresh_expires_at)
       VALUES ($1, 'lifetimes', 'u', 'ACTIVE', 'USER', 'refresh_token', 1, '{}',
         now() - interval '10 days', now() - interval '10 minutes', now() + interval '12 hours', NULL)`,
      [uid],
    );
    const hoursFromNow = async (): Promise<Record<'due' | 'refresh' | 'authorization', number | null>> => {
      const [row] = (await main.query(
        `SELECT extract(epoch FROM due_at - now())::float8 / 3600 AS due,
           extract(epoch FROM refresh_expires_at - now())::float8 / 3600 AS refresh,
           extract(epoch FROM authorization_expires_at - now())::float8 / 3600 AS authorization
         FROM token_broker.connection WHERE uid = $1`,
        [uid],
      )) as [Record<'due' | 'refresh' | 'authorization', number | null>];
      return row;
    };
    const { uid: clientUid, id } = created;
    const configured = { refreshTokenIdleTtlMs: 3_600_000, authorizationTtlMs: 30 * 86_400_000 };
    const changed = await store.replaceClient(
      { ...ROW, uid: clientUid, id, ...configured },
      created.revision,
      false,
    );
    expect(changed).toMatchObject(configured);
    const { due, refresh, authorization } = await hoursFromNow();
    expect(refresh).toBeCloseTo(50 / 60, 1);
    expect(due).toBeLessThan(25.1 / 60);
    expect(authorization).toBeCloseTo(20 * 24, 0);
    // Something else changes: what is known stays.
    const scopes = ['b'];
    const other = await store.replaceClient({ ...ROW, uid: clientUid, id, ...configured, scopes }, 2, false);
    expect((await hoursFromNow()).authorization).toBeCloseTo(20 * 24, 0);
    await store.replaceClient({ ...ROW, uid: clientUid, id }, other?.revision ?? 0, false);
    expect(await hoursFromNow()).toMatchObject({ refresh: null, authorization: null });
  });

  it('an OAuth client without any has none', async () => {
    const created = await store.createClient({ ...ROW, uid: randomUUID(), id: 'plain' });
    expect(created).not.toHaveProperty('profileSettings');
  });
});
