import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { ClaimRequest, FailureChange, Sealed } from '#libs/core';
import {
  PostgresClientStore,
  PostgresConnectionStore,
  PostgresFleetStore,
  PostgresRotationStore,
} from '#libs/postgres';
import { startTestDatabase, type TestDatabase } from '../harness/test-database.js';
import { fleetStoreContract } from './fleet-store.contract.js';
import { OTHER, REQUEST } from './rotation-store.contract.js';

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
    ratePerSecond: 1_000,
    maxConcurrent: 1_000,
  });
});

afterAll(() => db.close());

async function addConnection(): Promise<string> {
  const uid = randomUUID();
  await new PostgresConnectionStore(db.database.main).create({
    uid,
    clientId: 'c',
    connectionId: uid,
    state: 'ACTIVE',
    subjectKind: 'USER',
    grantType: 'refresh_token',
    generation: 1,
    refreshToken: 'sealed-1' as Sealed,
    scopes: ['a'],
    due: true,
  });
  return uid;
}

async function empty(): Promise<PostgresFleetStore> {
  await db.database.main.query('TRUNCATE token_broker.connection, token_broker.replica CASCADE');
  await db.database.main.query('UPDATE token_broker.installation SET frozen_at = NULL, frozen_reason = NULL');
  await db.database.main.query('UPDATE token_broker.oauth_client SET canary = NULL');
  return new PostgresFleetStore(db.database.main);
}

fleetStoreContract('PostgreSQL', async () => ({
  store: await empty(),
  holdTokens: async () => void (await addConnection()),
}));

describe('P1: what a claim checks in the database itself, whatever its replica believes', () => {
  let fleet: PostgresFleetStore;
  let store: PostgresRotationStore;
  let uid: string;
  const identity = ({ replica: name, spoolId, bootId }: ClaimRequest): typeof me => ({
    name,
    spoolId,
    bootId,
  });
  const me = { name: REQUEST.replica, spoolId: REQUEST.spoolId, bootId: REQUEST.bootId };

  beforeEach(async () => {
    fleet = await empty();
    store = new PostgresRotationStore(db.database, () => performance.now());
    await fleet.register(me);
    uid = await addConnection();
  });

  const claims = async (request: ClaimRequest = REQUEST): Promise<number> => {
    const one = await store.claimOne(uid, request);
    const { claims: due } = await store.claimDue({ ...request, clientId: 'c', limit: 10 });
    return due.length + (one.kind === 'claimed' ? 1 : 0);
  };
  const change = (sql: string): Promise<unknown> => db.database.main.query(sql);

  it('claims for a replica that may', async () => {
    expect(await claims()).toBe(1);
  });

  it('not for one that is unknown, not admitted, in another life, or declared lost', async () => {
    expect(await claims(OTHER)).toBe(0);
    await fleet.register(identity(OTHER));
    expect(await claims(OTHER)).toBe(0);
    expect(await claims({ ...REQUEST, bootId: randomUUID() })).toBe(0);
    await fleet.declareLost(REQUEST.spoolId, 'workloads/admin', () => {
      throw new Error('it has no attempts');
    });
    expect(await claims()).toBe(0);
  });

  it('not while everything is frozen', async () => {
    await fleet.freeze({ reason: 'OPERATOR', detail: 'drill', by: 'workloads/admin' }, 0);
    expect(await claims()).toBe(0);
    await fleet.thaw('workloads/admin', 'CURRENT');
    expect(await claims()).toBe(1);
  });

  it('not on a database that stands below what the replica knows', async () => {
    const { attemptNumber } = await fleet.view();
    expect(await claims({ ...REQUEST, attemptFloor: attemptNumber + 1 })).toBe(0);
    expect(await claims({ ...REQUEST, attemptFloor: attemptNumber })).toBe(1);
  });

  it('not in another cluster', async () => {
    await change(`UPDATE token_broker.installation SET system_identifier = 'another'`);
    expect(await claims()).toBe(0);
    await fleet.thaw('workloads/admin', 'CURRENT');
    expect(await claims()).toBe(1);
  });

  it('not before every replica has replayed its settled records onto the timeline', async () => {
    await fleet.register(identity(OTHER));
    await fleet.admit(OTHER.spoolId, 'replica-1');
    await change(`UPDATE token_broker.replica SET timeline = 0 WHERE spool_id = '${OTHER.spoolId}'`);
    expect(await claims()).toBe(0);
    expect(await claims(OTHER)).toBe(0);
    await fleet.redone(identity(OTHER), { attemptNumber: 0, heartbeat: 0 });
    expect(await claims()).toBe(1);
  });

  it('a replica that ended long ago is not shown, except to itself', async () => {
    await fleet.drained(me);
    await change(`UPDATE token_broker.replica SET ended_at = now() - interval '8 days'`);
    expect((await fleet.view()).replicas).toEqual([]);
    expect((await fleet.view(me.spoolId)).replicas).toMatchObject([me]);
  });

  it('an outdated database puts every refresh token in doubt, also of what is paused; others stay', async () => {
    const paused = await addConnection();
    await new PostgresConnectionStore(db.database.main).transition(paused, 'paused');
    const ended = await addConnection();
    await change(
      `UPDATE token_broker.connection SET state = 'REAUTHORIZATION_REQUIRED' WHERE uid = '${ended}'`,
    );
    await fleet.freeze({ reason: 'DATABASE_WENT_BACK', detail: 'x', by: 'broker-1' }, 0);
    await fleet.thaw('workloads/admin', 'OUTDATED');
    expect(await store.find(uid)).toMatchObject({
      state: 'IN_DOUBT',
      doubt: { attemptId: expect.any(String) },
      lastError: { code: 'database_outdated' },
    });
    expect(await store.find(paused)).toMatchObject({ state: 'PAUSED', stateBeforePause: 'IN_DOUBT' });
    expect(await store.find(ended)).toMatchObject({ state: 'REAUTHORIZATION_REQUIRED' });
  });

  it('P4: the attempts and doubts of a lost replica need not wait for its spool any more', async () => {
    const attempted = await addConnection();
    await store.claimOne(attempted, REQUEST);
    const claimed = await store.claimOne(uid, REQUEST);
    if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
    const lastError = { code: 'replica_gone', description: '', at: Date.now() };
    const doubted = (over: object): FailureChange => ({
      kind: 'doubted',
      lastError,
      probeAt: Date.now() + 3_600_000,
      ...over,
    });
    const { attempt, connection } = claimed.claim;
    await store.save({
      uid,
      generation: 1,
      authorizationEpoch: connection.authorizationEpoch,
      attemptId: attempt.id,
      change: doubted({ askSpool: REQUEST.spoolId }),
    });
    await fleet.declareLost(REQUEST.spoolId, 'workloads/admin', () => doubted({}));
    expect(await store.attemptsOf(REQUEST.spoolId)).toEqual([]);
    expect(await store.doubtsOf(REQUEST.spoolId)).toEqual([]);
    expect(await store.find(attempted)).toMatchObject({ state: 'IN_DOUBT' });
    const freed = await store.find(uid);
    expect(freed).toMatchObject({ state: 'IN_DOUBT' });
    expect(freed?.dueAt).toBeLessThanOrEqual(Date.now() + 1_000);
  });
});
