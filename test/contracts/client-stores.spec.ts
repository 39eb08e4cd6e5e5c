import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { ClientRow, Sealed } from '#libs/core';
import {
  connectionFigures,
  PostgresClientFigures,
  PostgresClientStore,
  PostgresConnectionStore,
  PostgresDirectoryStore,
  PostgresFleetStore,
  PostgresFreezeStore,
  PostgresRotationStore,
} from '#libs/postgres';
import { startTestDatabase, type TestDatabase } from '../harness/test-database.js';
import { REQUEST } from './rotation-store.contract.js';

const MINUTE = 60_000;
let db: TestDatabase;
let clients: PostgresClientStore;

beforeAll(async () => {
  db = await startTestDatabase();
  clients = new PostgresClientStore(db.database.main);
  const { replica: name, spoolId, bootId } = REQUEST;
  await new PostgresFleetStore(db.database.main).register({ name, spoolId, bootId });
});
afterAll(() => db.close());

const row = (id: string, change: Partial<ClientRow> = {}): ClientRow => ({
  uid: randomUUID(),
  id,
  issuer: 'https://as.example',
  clientId: id,
  authMethod: 'none',
  scopes: [],
  profile: 'strict',
  rotateAt: 0.5,
  defaultTokenTtlMs: 300_000,
  ratePerSecond: 2.5,
  maxConcurrent: 4,
  ...change,
});

/** Adds an active connection whose token expires then, due then; both from now. */
const add = async (clientId: string, expiresInMs: number | undefined, dueInMs = MINUTE): Promise<string> => {
  const { main } = db.database;
  const uid = randomUUID();
  await new PostgresConnectionStore(main).create({
    uid,
    clientId,
    connectionId: uid,
    state: 'ACTIVE',
    subjectKind: 'USER',
    grantType: 'refresh_token',
    generation: 1,
    refreshToken: 'sealed' as Sealed,
    scopes: [],
    due: true,
  });
  await main.query(
    `UPDATE token_broker.connection SET
       due_at = now() + $2::float8 * interval '1 ms', planned_at = now() + $2::float8 * interval '1 ms',
       expires_at = now() + $3::float8 * interval '1 ms' WHERE uid = $1`,
    [uid, dueInMs, expiresInMs ?? null],
  );
  return uid;
};

describe('an OAuth client in PostgreSQL', () => {
  it('P11: has a budget and a canary from the beginning, and keeps its settings', async () => {
    const created = await clients.createClient(row('new'));
    expect(created).toMatchObject({ ratePerSecond: 2.5, maxConcurrent: 4, canary: 'changed' });
    const [budget] = await db.database.main.query<[{ available: number }]>(
      `SELECT available FROM token_broker.client_budget WHERE client_id = 'new'`,
    );
    expect(budget.available).toBe(2.5);
    expect(await clients.deleteClient('new')).toBe(true);
    const left = await db.database.main.query<unknown[]>(
      `SELECT FROM token_broker.client_budget WHERE client_id = 'new'`,
    );
    expect(left).toEqual([]);
  });

  it('P11: a change asks for a canary where it has to, and never for less than a thaw does', async () => {
    const freezes = new PostgresFreezeStore(db.database.main);
    const { uid } = await clients.createClient(row('changing'));
    await freezes.proveCanary('changing', 'changed', 'refresh_token');
    const scopes = await clients.replaceClient(row('changing', { uid, scopes: ['a'] }), 1, false);
    expect(scopes?.canary).toBeUndefined();
    const moved = await clients.replaceClient(row('changing', { uid, issuer: 'https://b.example' }), 2, true);
    expect(moved?.canary).toBe('changed');
    await freezes.freeze('changing', { reason: 'why', by: 'workloads/admin' });
    await freezes.thaw('changing', false);
    const again = await clients.replaceClient(row('changing', { uid, clientId: 'other' }), 4, true);
    expect(again?.canary).toBe('thawed');
  });

  it('P11: every replica learns of a freeze through the directory', async () => {
    await clients.createClient(row('freezing'));
    const directory = new PostgresDirectoryStore(db.database.main);
    const before = await directory.version();
    const freezes = new PostgresFreezeStore(db.database.main);
    await freezes.freeze('freezing', { reason: 'why', by: 'workloads/admin' });
    const { version, clients: all } = await directory.load();
    expect(version).toBeGreaterThan(before);
    expect(all.find(({ id }) => id === 'freezing')?.freeze).toMatchObject({
      reason: 'why',
      by: 'workloads/admin',
      at: expect.any(Number) as number,
    });
  });

  it('a claim is no change of the directory', async () => {
    await clients.createClient(row('claiming'));
    await add('claiming', MINUTE, -MINUTE);
    const directory = new PostgresDirectoryStore(db.database.main);
    const before = await directory.version();
    const store = new PostgresRotationStore(db.database, () => performance.now());
    const request = { ...REQUEST, clientId: 'claiming', limit: 5 };
    expect((await store.claimDue(request)).claims).toHaveLength(1);
    expect(await directory.version()).toBe(before);
  });
});

describe('the figures of an OAuth client', () => {
  beforeAll(async () => {
    await clients.createClient(row('figures'));
    await new PostgresFreezeStore(db.database.main).proveCanary('figures', 'changed', 'refresh_token');
    await add('figures', 30 * MINUTE);
    await add('figures', 20 * MINUTE, -5 * MINUTE);
    await add('figures', -MINUTE, -2 * MINUTE);
    await add('figures', undefined, -3 * MINUTE);
    const under = await add('figures', 10 * MINUTE, -MINUTE);
    const store = new PostgresRotationStore(db.database, () => performance.now());
    await store.claimOne(under, REQUEST);
    const paused = await add('figures', MINUTE);
    await new PostgresConnectionStore(db.database.main).transition(paused, 'paused');
    await clients.createClient(row('empty'));
  });

  it('tell what is due, under way, unserved, and how long all others can still be served', async () => {
    const store = new PostgresClientFigures(db.database.main);
    const [figures, ...others] = await store.clientFigures('figures');
    expect(others).toEqual([]);
    expect(figures).toMatchObject({
      clientId: 'figures',
      available: 1.5,
      openAttempts: 1,
      dueCount: 3,
      unservedCount: 2,
      byState: { ACTIVE: 5, PAUSED: 1 },
    });
    // The one under an attempt expires first.
    expect(figures?.slackMs).toBeGreaterThan(5 * MINUTE);
    expect(figures?.slackMs).toBeLessThanOrEqual(10 * MINUTE);
    expect(figures?.oldestOverdueMs).toBeGreaterThanOrEqual(5 * MINUTE);
    expect(figures?.oldestOverdueMs).toBeLessThan(10 * MINUTE);
  });

  it('leave out what there is none of', async () => {
    const [figures] = await new PostgresClientFigures(db.database.main).clientFigures('empty');
    expect(figures).toMatchObject({ dueCount: 0, unservedCount: 0, byState: {} });
    expect(figures).not.toHaveProperty('slackMs');
    expect(figures).not.toHaveProperty('oldestOverdueMs');
    const all = await new PostgresClientFigures(db.database.main).clientFigures();
    expect(all.map(({ clientId }) => clientId)).toEqual(expect.arrayContaining(['empty', 'figures']));
  });

  it('are told to the metrics, without counting all of them', async () => {
    const { byClient } = await connectionFigures(db.database.main);
    expect(byClient.find(({ client }) => client === 'figures')).toMatchObject({ unserved: 2 });
    expect(byClient.find(({ client }) => client === 'empty')).toEqual({ client: 'empty', unserved: 0 });
  });
});
