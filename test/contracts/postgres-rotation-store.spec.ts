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

describe('P11: a backlog in PostgreSQL', () => {
  /** Adds many at once; `due` and `expires` are SQL. */
  const addMany = async (count: number, due: string, expires: string): Promise<void> => {
    await db.database.main.query(
      `INSERT INTO token_broker.connection
         (uid, client_id, id, state, subject_kind, grant_type, generation, scopes, due_at, expires_at)
       SELECT gen_random_uuid(), 'c', gen_random_uuid(), 'ACTIVE', 'USER', 'refresh_token', 1, '{}', ${due}, ${expires}
       FROM generate_series(1, $1::int)`,
      [count],
    );
  };
  const claim = async (limit: number): Promise<number[]> => {
    const store = new PostgresRotationStore(db.database, () => performance.now());
    const { claims } = await store.claimDue({ ...REQUEST, clientId: 'c', limit });
    return claims.map(({ connection }) => connection.expiresAt ?? 0);
  };

  it('beyond the window, too, the soonest to expire come first, over all of it', async () => {
    await open();
    await addMany(
      400,
      `now() - random() * interval '1 hour'`,
      `now() + (random() - 0.5) * interval '1 hour'`,
    );
    const batches: number[][] = [];
    for (let i = 0; i < 8; i += 1) batches.push(await claim(50));
    expect(batches.flat()).toHaveLength(400);
    for (const [i, batch] of batches.slice(1).entries()) {
      expect(Math.min(...batch)).toBeGreaterThanOrEqual(Math.max(...batches[i]!));
    }
  });

  it('many that expire sooner and are not due do not hide those that are', async () => {
    await open();
    await addMany(1_200, `now() + interval '1 hour'`, `now() - interval '1 hour'`);
    await addMany(150, `now()`, `now() + random() * interval '1 hour'`);
    expect(await claim(10)).toHaveLength(10);
    expect(await claim(200)).toHaveLength(100);
    expect(await claim(200)).toHaveLength(40);
  });
});
