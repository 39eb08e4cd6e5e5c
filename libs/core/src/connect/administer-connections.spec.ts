import {
  aRefusal,
  FakeConnectionStore,
  FakeWorld,
  sampleClient,
  sampleWorkload,
  withFakeTimers,
  type FakeReplica,
} from '../../../../test/harness/fakes/index.js';
import type { Workload } from '../access/access.js';
import { Secret } from '../secret.js';
import { ConnectionAdministration } from './administer-connections.js';

withFakeTimers();
const OPERATOR = sampleWorkload('ops', 'OPERATOR');
const READER = sampleWorkload('auditor', 'READER');
const JOB = sampleWorkload('job');
const U1 = { clientId: 'c', connectionId: 'u1' };
const NEW = { clientId: 'c', connectionId: 'new' };
const NO_WISHES = { scopes: [], loginHint: '' };
let world: FakeWorld;
let replica: FakeReplica;
let admin: ConnectionAdministration;

beforeEach(async () => {
  world = new FakeWorld();
  replica = world.replica();
  const { clock, sealer, events } = world;
  admin = new ConnectionAdministration({
    store: new FakeConnectionStore(world.database),
    clients: { client: async (id) => world.clients.get(id) },
    links: replica.links,
    demand: replica.demand,
    sealer,
    events,
    clock,
  });
  await world.addConnection();
});

const imported = (fields: Partial<Parameters<ConnectionAdministration['importRefreshToken']>[2]> = {}) => ({
  refreshToken: world.server.begin(),
  subjectKind: 'USER' as const,
  subject: '',
  scopes: [],
  ...fields,
});

const deadline = (): number => world.clock.monotonic() + 5_000;

describe('P8: roles', () => {
  const operations: Array<[string, (caller: Workload) => Promise<unknown>]> = [
    ['startAuthorization', (caller) => admin.startAuthorization(caller, NEW, NO_WISHES)],
    ['createServiceAccount', (caller) => admin.createServiceAccount(caller, NEW, [])],
    ['importRefreshToken', (caller) => admin.importRefreshToken(caller, NEW, imported())],
    ['rotate', (caller) => admin.rotate(caller, U1, deadline())],
    ['pause', (caller) => admin.pause(caller, U1)],
    ['resume', (caller) => admin.resume(caller, U1)],
    ['get', (caller) => admin.get(caller, U1)],
    ['list', (caller) => admin.list(caller, { pageSize: 10, pageToken: '' })],
    [
      'listReauthorizations',
      (caller) => admin.listReauthorizations(caller, { withinMs: 0, pageSize: 10, pageToken: '' }),
    ],
  ];

  it.each(operations)('%s is nothing for a workload without a role', async (_name, operation) => {
    await expect(operation(JOB)).rejects.toEqual(aRefusal('ACCESS_DENIED'));
    expect(world.database.calls.size).toBe(0);
  });

  it.each(operations.slice(0, 6))('%s is nothing for a reader', async (_name, operation) => {
    await expect(operation(READER)).rejects.toEqual(aRefusal('ACCESS_DENIED'));
    expect(world.database.calls.size).toBe(0);
  });

  it('readers read', async () => {
    expect(await admin.get(READER, U1)).toMatchObject({ uid: 'uid-1' });
    expect((await admin.list(READER, { pageSize: 10, pageToken: '' })).connections).toHaveLength(1);
    const forecast = { withinMs: 86_400_000, pageSize: 10, pageToken: '' };
    expect((await admin.listReauthorizations(READER, forecast)).connections).toEqual([]);
    world.database.patch('uid-1', { authorizationExpiresAt: world.clock.now() + 86_400_000 });
    expect((await admin.listReauthorizations(READER, forecast)).connections).toHaveLength(1);
    await expect(admin.get(READER, NEW)).rejects.toEqual(aRefusal('CONNECTION_NOT_FOUND'));
  });
});

describe('startAuthorization', () => {
  it('makes a connection that waits for its user, and a link', async () => {
    const started = await admin.startAuthorization(OPERATOR, NEW, NO_WISHES);
    expect(started.connection).toMatchObject({ ...NEW, state: 'REAUTHORIZATION_REQUIRED', generation: 0 });
    expect(started.connection).not.toHaveProperty('dueAt');
    expect(started.uri).toMatch(/^https:\/\/broker\.example\/connect\//);
    expect(world.events.ofType('connection.changed')).toMatchObject([{ what: 'created', by: 'ops' }]);
  });

  it('makes a link for a connection that is there, and leaves it as it is', async () => {
    const before = world.connection();
    expect((await admin.startAuthorization(OPERATOR, U1, NO_WISHES)).connection).toEqual(before);
    expect(world.database.rows.size).toBe(1);
    expect(world.events.all).toEqual([]);
  });

  it.each([
    ['an OAuth client that does not exist', { clientId: 'd', connectionId: 'x' }, NO_WISHES, 'NOT_FOUND'],
    ['an odd id', { clientId: 'c', connectionId: 'a b' }, NO_WISHES, 'INVALID_REQUEST'],
    ['odd scopes', NEW, { scopes: ['a b'], loginHint: '' }, 'INVALID_REQUEST'],
  ] as const)('is refused for %s', async (_what, name, wishes, reason) => {
    await expect(admin.startAuthorization(OPERATOR, name, wishes)).rejects.toEqual(aRefusal(reason));
    expect(world.database.rows.size).toBe(1);
  });

  it('is refused for a service account by client credentials', async () => {
    await world.addConnection({ uid: 's', connectionId: 's', grantType: 'client_credentials' });
    const name = { clientId: 'c', connectionId: 's' };
    await expect(admin.startAuthorization(OPERATOR, name, NO_WISHES)).rejects.toEqual(
      aRefusal('STATE_CONFLICT'),
    );
  });
});

describe('createServiceAccount', () => {
  it('is due at once, without the scopes that only make sense for users', async () => {
    world.clients.set('c', sampleClient({ authMethod: 'client_secret_basic' }));
    const created = await admin.createServiceAccount(OPERATOR, NEW, []);
    expect(created).toMatchObject({ state: 'ACTIVE', grantType: 'client_credentials', scopes: ['a', 'b'] });
    expect(created.dueAt).toBe(world.clock.now());
    await expect(admin.createServiceAccount(OPERATOR, NEW, [])).rejects.toEqual(aRefusal('ALREADY_EXISTS'));
  });

  it('is refused for a public client', async () => {
    await expect(admin.createServiceAccount(OPERATOR, NEW, [])).rejects.toEqual(
      aRefusal('INVALID_REQUEST', /public/),
    );
  });
});

describe('importRefreshToken', () => {
  it('knows when its authorization ends, where it is said when it was given', async () => {
    world.clients.set('c', sampleClient({ authorizationTtlMs: 30 * 86_400_000 }));
    const authorizedAt = world.clock.now() - 10 * 86_400_000;
    const created = await admin.importRefreshToken(OPERATOR, NEW, imported({ authorizedAt }));
    expect(created).toMatchObject({ authorizedAt, authorizationExpiresAt: authorizedAt + 30 * 86_400_000 });
    const later = { clientId: 'c', connectionId: 'later' };
    const future = imported({ authorizedAt: world.clock.now() + 1 });
    await expect(admin.importRefreshToken(OPERATOR, later, future)).rejects.toEqual(
      aRefusal('INVALID_REQUEST', /future/),
    );
    expect(await admin.importRefreshToken(OPERATOR, later, imported({}))).not.toHaveProperty('authorizedAt');
  });

  it('P9: keeps it sealed for its place, due at once', async () => {
    const created = await admin.importRefreshToken(OPERATOR, NEW, imported({ subject: 'ada' }));
    expect(created).toMatchObject({
      state: 'ACTIVE',
      generation: 1,
      subject: 'ada',
      dueAt: world.clock.now(),
    });
    expect(JSON.stringify(created)).not.toContain('refresh-lineage');
    expect(await replica.rotate(created.uid)).toMatchObject({ kind: 'rotated', generation: 2 });
  });

  it.each(['', '  \n'])('is refused for %j', async (value) => {
    const given = imported({ refreshToken: new Secret(value) });
    await expect(admin.importRefreshToken(OPERATOR, NEW, given)).rejects.toEqual(
      aRefusal('INVALID_REQUEST', /empty/),
    );
  });
});

describe('rotate', () => {
  it('answers the connection as it is afterwards', async () => {
    expect(await admin.rotate(OPERATOR, U1, deadline())).toMatchObject({ generation: 2, state: 'ACTIVE' });
  });

  it.each([
    ['refused', 'AUTHORIZATION_SERVER_DOWN'],
    ['consumed, 500', 'AUTHORIZATION_SERVER_DOWN'],
    ['final', 'REAUTHORIZATION_REQUIRED'],
  ] as const)('refuses by how it went: %s', async (step, reason) => {
    replica.endpoint.plan(step);
    await expect(admin.rotate(OPERATOR, U1, deadline())).rejects.toEqual(aRefusal(reason));
  });

  it('P1: does not probe a doubt before its time', async () => {
    world.database.patch('uid-1', { state: 'IN_DOUBT', dueAt: world.clock.now() + 60_000 });
    await expect(admin.rotate(OPERATOR, U1, deadline())).rejects.toEqual(aRefusal('CONNECTION_IN_DOUBT'));
    expect(world.server.ledger).toEqual([]);
  });
});

describe('pause and resume', () => {
  it('lead back to where it stood', async () => {
    world.database.patch('uid-1', { state: 'IN_DOUBT' });
    expect(await admin.pause(OPERATOR, U1)).toMatchObject({ state: 'PAUSED' });
    expect(await replica.store.claimOne('uid-1', replica.claimRequest)).toEqual({ kind: 'busy' });
    expect(await admin.resume(OPERATOR, U1)).toMatchObject({ state: 'IN_DOUBT' });
    expect(world.events.ofType('connection.changed').map(({ what }) => what)).toEqual(['paused', 'resumed']);
  });

  it('are refused where they make no sense, and not told of', async () => {
    await expect(admin.resume(OPERATOR, U1)).rejects.toEqual(aRefusal('STATE_CONFLICT', /ACTIVE/));
    world.database.patch('uid-1', { state: 'REVOKED' });
    await expect(admin.pause(OPERATOR, U1)).rejects.toEqual(aRefusal('STATE_CONFLICT', /REVOKED/));
    expect(world.events.all).toEqual([]);
  });
});
