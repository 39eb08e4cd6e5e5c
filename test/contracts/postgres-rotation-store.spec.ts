import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import {
  PostgresClientStore,
  PostgresConnectionStore,
  PostgresFleetStore,
  PostgresFreezeStore,
  PostgresRotationStore,
} from '#libs/postgres';
import { burstOf, type BudgetSettings, type Canary, type Sealed } from '#libs/core';
import { startTestDatabase, type TestDatabase } from '../harness/test-database.js';
import { clientBudgetContract } from './client-budget.contract.js';
import {
  OTHER,
  REQUEST,
  rotationStoreContract,
  type RotationStoreUnderTest,
} from './rotation-store.contract.js';

const GENEROUS = { ratePerSecond: 1_000, maxConcurrent: 1_000 };
let db: TestDatabase;

beforeAll(async () => {
  db = await startTestDatabase();
  for (const id of ['c', 'other']) {
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
      ...GENEROUS,
    });
  }
});

afterAll(() => db.close());

const configure = async (
  id: string,
  { ratePerSecond, maxConcurrent, canary }: BudgetSettings & { readonly canary?: Canary },
): Promise<void> => {
  const { main } = db.database;
  await main.query(
    `UPDATE token_broker.oauth_client
     SET rate_per_second = $2, max_concurrent = $3, canary = $4, frozen_at = NULL WHERE id = $1`,
    [id, ratePerSecond, maxConcurrent, canary ?? null],
  );
  await main.query(
    `UPDATE token_broker.client_budget
     SET available = $2, refilled_at = clock_timestamp(), demand_until = NULL WHERE client_id = $1`,
    [id, burstOf({ ratePerSecond })],
  );
};

const open = async (): Promise<RotationStoreUnderTest> => {
  const { main } = db.database;
  await main.query('TRUNCATE token_broker.connection, token_broker.replica CASCADE');
  const fleet = new PostgresFleetStore(main);
  for (const { replica: name, spoolId, bootId } of [REQUEST, OTHER]) {
    await fleet.register({ name, spoolId, bootId });
  }
  for (const id of ['c', 'other']) await configure(id, GENEROUS);
  const connections = new PostgresConnectionStore(main);
  return {
    store: new PostgresRotationStore(db.database, () => performance.now()),
    freezes: new PostgresFreezeStore(main),
    configure: (settings) => configure('c', settings),
    addConnection: async ({
      due = true,
      grantType = 'refresh_token',
      clientId = 'c',
      dueInMs = 0,
      expiresInMs,
    } = {}) => {
      const uid = randomUUID();
      const isService = grantType === 'client_credentials';
      await connections.create({
        uid,
        clientId,
        connectionId: uid,
        state: 'ACTIVE',
        subjectKind: isService ? 'SERVICE_ACCOUNT' : 'USER',
        grantType,
        generation: isService ? 0 : 1,
        ...(isService ? {} : { refreshToken: 'sealed-1' as Sealed }),
        scopes: ['a'],
        due,
      });
      await main.query(
        `UPDATE token_broker.connection SET due_at = due_at + $2::float8 * interval '1 millisecond',
           expires_at = now() + $3::float8 * interval '1 millisecond' WHERE uid = $1`,
        [uid, dueInMs, expiresInMs ?? null],
      );
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
};

rotationStoreContract('PostgreSQL', open);
clientBudgetContract('PostgreSQL', open);
