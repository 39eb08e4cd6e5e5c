import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import {
  PostgresClientStore,
  PostgresConnectionStore,
  PostgresFleetStore,
  PostgresRotationStore,
} from '#libs/postgres';
import type { Sealed } from '#libs/core';
import { startTestDatabase, type TestDatabase } from '../harness/test-database.js';
import { OTHER, REQUEST, rotationStoreContract } from './rotation-store.contract.js';

let db: TestDatabase;

beforeAll(async () => {
  db = await startTestDatabase();
  await new PostgresClientStore(db.database.main).createClient({
    uid: randomUUID(),
    id: 'c',
    issuer: 'https://as.example',
    clientId: 'c',
    authMethod: 'none',
    scopes: [],
    profile: 'strict',
    rotateAt: 0.5,
    defaultTokenTtlMs: 300_000,
  });
});

afterAll(() => db.close());

rotationStoreContract('PostgreSQL', async () => {
  const { main } = db.database;
  await main.query('TRUNCATE token_broker.connection, token_broker.replica CASCADE');
  const fleet = new PostgresFleetStore(main);
  for (const { replica: name, spoolId, bootId } of [REQUEST, OTHER]) {
    await fleet.register({ name, spoolId, bootId });
  }
  const connections = new PostgresConnectionStore(main);
  return {
    store: new PostgresRotationStore(db.database, () => performance.now()),
    addConnection: async ({ due = true, grantType = 'refresh_token' } = {}) => {
      const uid = randomUUID();
      const isService = grantType === 'client_credentials';
      await connections.create({
        uid,
        clientId: 'c',
        connectionId: uid,
        state: 'ACTIVE',
        subjectKind: isService ? 'SERVICE_ACCOUNT' : 'USER',
        grantType,
        generation: isService ? 0 : 1,
        ...(isService ? {} : { refreshToken: 'sealed-1' as Sealed }),
        scopes: ['a'],
        due,
      });
      return uid;
    },
    expireAttempt: async (uid) => {
      await main.transaction(async (manager) => {
        await manager.query(`SET LOCAL lock_timeout = '300ms'`);
        await manager.query(
          `UPDATE token_broker.connection SET attempt_deadline_at = now() - interval '1 second' WHERE uid = $1`,
          [uid],
        );
      });
    },
    transition: async (uid, event) => {
      await connections.transition(uid, event);
    },
  };
});
