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
    expect(await store.replaceClient(without, created.revision)).not.toHaveProperty('profileSettings');
  });

  it('an OAuth client without any has none', async () => {
    const created = await store.createClient({ ...ROW, uid: randomUUID(), id: 'plain' });
    expect(created).not.toHaveProperty('profileSettings');
  });
});
