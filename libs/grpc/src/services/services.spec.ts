import { status } from '@grpc/grpc-js';
import {
  AccessAdministration,
  BrokerError,
  hasRole,
  StoreUnavailableError,
  type AccessStore,
  type AccessTokenRequest,
  type ClientStatus,
  type Connection,
  type Directory,
  type OAuthClient,
  type Sealed,
} from '#libs/core';
import { AccessServiceClient, Workload_Role } from '#proto/tokenbroker/v1/access_service';
import {
  Client_Canary,
  ClientServiceClient,
  ClientStatus_Breaker_State,
} from '#proto/tokenbroker/v1/client_service';
import { ProfileSettings_Reuse } from '#proto/tokenbroker/v1/profile';
import {
  Connection_State,
  Connection_SubjectKind,
  ConnectionServiceClient,
  type ImportConnectionRequest,
} from '#proto/tokenbroker/v1/connection_service';
import {
  TokenServiceClient,
  type GetAccessTokenRequest,
  type GetAccessTokenResponse,
} from '#proto/tokenbroker/v1/token_service';
import {
  call,
  channel,
  goodToken,
  policyOf,
  refusingParts,
  startServer,
  workload,
} from '../../../../test/harness/grpc-fixture.js';
import { TestCa } from '../../../../test/harness/test-pki.js';
import { sampleClient, sampleProfile } from '../../../../test/harness/fakes/index.js';
import type { GrpcServer } from '../index.js';

const CONNECTION: Connection = {
  uid: 'u',
  clientId: 'c',
  connectionId: 'u123',
  state: 'IN_DOUBT',
  subjectKind: 'SERVICE_ACCOUNT',
  grantType: 'refresh_token',
  generation: 9,
  refreshToken: 'sealed-refresh-token' as Sealed,
  scopes: ['a'],
  authorizationEpoch: 1,
  expiresAt: 1_500,
  failureCount: 2,
  lastError: { code: 'server_error', description: 'HTTP 500', at: 0 },
  authorizedAt: 500,
  refreshExpiresAt: 5_000,
  authorizationExpiresAt: 9_000,
  revision: 4,
  createdAt: 0,
  updatedAt: 1_000,
};

const CLIENT: OAuthClient = {
  uid: 'u',
  id: 'c',
  issuer: 'https://as.test',
  clientId: 'broker',
  authMethod: 'none',
  scopes: [],
  profile: 'strict',
  rotateAt: 0.5,
  defaultTokenTtlMs: 300_000,
  ratePerSecond: 2.5,
  maxConcurrent: 3,
  revision: 1,
  createdAt: 0,
  updatedAt: 0,
};
const STATUS: ClientStatus = {
  client: { ...CLIENT, canary: 'changed' },
  replica: 'replica-7',
  breaker: {
    state: 'open',
    failures: 3,
    cause: { code: 'invalid_client', description: 'no', at: 0 },
    until: 2_000,
  },
  available: 1.9,
  figures: {
    clientId: 'c',
    available: 0,
    sinceRefillMs: 0,
    openAttempts: 2,
    dueCount: 4,
    oldestOverdueMs: 5_000,
    slackMs: -3,
    unservedCount: 6,
    byState: { IN_DOUBT: 1, ACTIVE: 8 },
  },
};

describe('the services', () => {
  const parts = refusingParts();
  let server: GrpcServer;
  let address: string;
  let ca: TestCa;
  const asked: AccessTokenRequest[] = [];
  const imported: { reveal: string; printed: string; authorizedAt: number | undefined }[] = [];
  const open: { close(): void }[] = [];

  beforeAll(async () => {
    ca = await TestCa.create();
    const names = ['job', 'reader', 'operator', 'admin'];
    const roles = { job: [], reader: ['READER'], operator: ['OPERATOR'], admin: ['ADMIN'] } as const;
    const directory = { tryRefresh: async () => undefined } as unknown as Directory;
    const store: Partial<AccessStore> = {
      createWorkload: async (given) => ({ ...given, createdAt: 1_000 }),
      listWorkloads: async () => [workload('w', ['cn:w'], ['READER'])],
    };
    ({ server, address } = await startServer(
      ca,
      {
        ...parts,
        policy: policyOf(
          names.map((name) => workload(name, [`cn:${name}`], [...roles[name as keyof typeof roles]])),
        ),
        access: new AccessAdministration(store as AccessStore, directory, parts.events),
        handOut: {
          get: async (_caller, request) => {
            asked.push(request);
            if (request.connection.connectionId === 'away') throw new StoreUnavailableError('away');
            if (request.connection.connectionId === 'broken') throw new Error('a defect');
            if (request.connection.connectionId === 'gone') {
              return {
                refusal: {
                  reason: 'REAUTHORIZATION_REQUIRED',
                  message: 'Log in again.',
                  metadata: { reconnect_uri: 'https://broker.test/connect/x' },
                },
              };
            }
            return goodToken();
          },
        },
        freezing: {
          freeze: async (caller, _id, reason) => ({
            ...CLIENT,
            freeze: { reason, by: `workloads/${caller.id}`, at: 1_000 },
          }),
          thaw: async () => ({ ...CLIENT, canary: 'thawed' }),
        },
        statuses: { get: async () => STATUS, list: async () => [STATUS] },
        connections: {
          ...parts.connections,
          get: async (caller) => {
            if (!hasRole(caller, 'READER')) throw BrokerError.of('ACCESS_DENIED', 'Not a reader.');
            return CONNECTION;
          },
          importRefreshToken: async (_caller, _name, given) => {
            const { refreshToken, authorizedAt } = given;
            imported.push({ reveal: refreshToken.reveal(), printed: JSON.stringify(given), authorizedAt });
            return CONNECTION;
          },
          list: async (_caller, query) => ({ connections: [], nextPageToken: JSON.stringify(query) }),
          listReauthorizations: async (_caller, query) => ({
            connections: [CONNECTION],
            nextPageToken: JSON.stringify(query),
          }),
        },
        clients: {
          ...parts.clients,
          get: async () => sampleClient({ id: 'c', profileSettings: { graceWindowMs: 5_000 } }),
          effectiveProfile: ({ profile, profileSettings }) => ({
            ...sampleProfile(profile),
            ...profileSettings,
          }),
          listProfiles: async (caller) => {
            if (!hasRole(caller, 'READER')) throw BrokerError.of('ACCESS_DENIED', 'Not a reader.');
            return [sampleProfile('strict')];
          },
        },
      },
      { maxRequestBytes: 2_048 },
    ));
  });
  afterAll(async () => {
    for (const client of open) client.close();
    await server.close(1_000);
  });

  async function as<C extends { close(): void }>(
    make: new (address: string, credentials: ReturnType<typeof channel>) => C,
    commonName: string,
  ): Promise<C> {
    const client = new make(address, channel(ca, await ca.issue({ commonName })));
    open.push(client);
    return client;
  }
  async function getToken(request: Partial<GetAccessTokenRequest>, options: { deadline?: number } = {}) {
    const client = await as(TokenServiceClient, 'job');
    const whole = {
      connection: 'clients/c/connections/u',
      minTtl: undefined,
      scopes: [],
      resource: '',
      ...request,
    };
    return call<GetAccessTokenRequest, GetAccessTokenResponse>(client, client.getAccessToken, whole, options);
  }

  test('an access token with all that is said about it', async () => {
    const outcome = await getToken({
      scopes: ['a'],
      resource: 'https://r.test',
      minTtl: { seconds: 60n, nanos: 1 },
    });
    expect(asked.at(-1)).toMatchObject({ minTtlMs: 60_001, scopes: ['a'], resource: 'https://r.test' });
    expect(outcome).toMatchObject({
      response: {
        accessToken: 'an-access-token',
        tokenType: 'Bearer',
        scopes: ['a', 'b'],
        generation: 7n,
        ttl: { seconds: 3_590n, nanos: 0 },
      },
    });
  });

  test('the deadline is the caller’s, less a margin; 20 s without one; 60 s at the most', async () => {
    const left = async (options: { deadline?: number }): Promise<number> => {
      await getToken({}, options);
      return (asked.at(-1)?.deadline ?? 0) - performance.now();
    };
    expect(await left({ deadline: Date.now() + 5_000 })).toBeLessThanOrEqual(4_800);
    expect(await left({ deadline: Date.now() + 5_000 })).toBeGreaterThan(4_000);
    expect(await left({})).toBeGreaterThan(19_000);
    expect(await left({})).toBeLessThanOrEqual(20_000);
    expect(await left({ deadline: Date.now() + 3_600_000 })).toBeLessThanOrEqual(60_000);
  });

  test.each([
    ['a name of another form', { connection: 'connections/u' }, /not a connection's name/],
    ['a name with a path in it', { connection: 'clients/c/connections/../x' }, /not a connection's name/],
    ['an empty name', { connection: '' }, /not a connection's name/],
    ['a negative min_ttl', { minTtl: { seconds: -1n, nanos: 0 } }, /^min_ttl/],
    ['an absurd min_ttl', { minTtl: { seconds: 10n ** 12n, nanos: 0 } }, /^min_ttl/],
  ])('%s is an invalid argument', async (_what, request, message) => {
    expect(await getToken(request)).toMatchObject({
      failure: {
        code: status.INVALID_ARGUMENT,
        message: expect.stringMatching(message) as string,
        details: { reason: 'INVALID_REQUEST' },
      },
    });
  });

  test('a refusal carries its reason and the link', async () => {
    expect(await getToken({ connection: 'clients/c/connections/gone' })).toEqual({
      failure: {
        code: status.FAILED_PRECONDITION,
        message: 'Log in again.',
        details: {
          reason: 'REAUTHORIZATION_REQUIRED',
          metadata: { reconnect_uri: 'https://broker.test/connect/x' },
        },
      },
    });
  });

  test('a database that is away, and a defect', async () => {
    expect(await getToken({ connection: 'clients/c/connections/away' })).toMatchObject({
      failure: { code: status.UNAVAILABLE, details: { reason: 'DATABASE_UNAVAILABLE', retryAfterMs: 2_000 } },
    });
    expect(await getToken({ connection: 'clients/c/connections/broken' })).toMatchObject({
      failure: { code: status.INTERNAL, details: { reason: 'INTERNAL' } },
    });
    expect(parts.events.seen).toMatchObject([{ type: 'fault' }]);
  });

  test('a message that is too large', async () => {
    expect(await getToken({ resource: 'x'.repeat(4_000) })).toMatchObject({
      failure: { code: status.RESOURCE_EXHAUSTED },
    });
  });

  test('a connection, without its tokens', async () => {
    const client = await as(ConnectionServiceClient, 'reader');
    const outcome = await call(client, client.getConnection, { name: 'clients/c/connections/u123' });
    expect(outcome).toMatchObject({
      response: {
        connection: {
          name: 'clients/c/connections/u123',
          state: Connection_State.IN_DOUBT,
          subjectKind: Connection_SubjectKind.SERVICE_ACCOUNT,
          generation: 9n,
          expireTime: { seconds: 1n, nanos: 500_000_000 },
          rotateTime: undefined,
          lastError: 'server_error: HTTP 500',
          authorizeTime: { seconds: 0n, nanos: 500_000_000 },
          refreshTokenExpireTime: { seconds: 5n, nanos: 0 },
          reauthorizeTime: { seconds: 5n, nanos: 0 },
        },
      },
    });
  });

  test('an imported refresh token is wrapped at once', async () => {
    const client = await as(ConnectionServiceClient, 'operator');
    const request: ImportConnectionRequest = {
      parent: 'clients/c',
      connectionId: 'x',
      refreshToken: 'the-refresh-token',
      subjectKind: Connection_SubjectKind.UNSPECIFIED,
      subject: '',
      scopes: [],
      authorizeTime: { seconds: 7n, nanos: 0 },
    };
    await call(client, client.importConnection, request);
    expect(imported[0]).toMatchObject({ reveal: 'the-refresh-token', authorizedAt: 7_000 });
    expect(imported[0]?.printed).toContain('[secret]');
  });

  test.each([
    [0, 50],
    [7, 7],
    [5_000, 1_000],
  ])('a page size of %i is %i', async (pageSize, effective) => {
    const client = await as(ConnectionServiceClient, 'reader');
    const request = { parent: 'clients/-', pageSize, pageToken: 't', state: Connection_State.PAUSED };
    const outcome = await call(client, client.listConnections, request);
    const query = { state: 'PAUSED', pageSize: effective, pageToken: 't' };
    expect(outcome).toMatchObject({ response: { nextPageToken: JSON.stringify(query) } });
  });

  test.each([
    ['30 days unless said otherwise', undefined, 30 * 86_400_000],
    ['as far as is said', { seconds: 86_400n, nanos: 0 }, 86_400_000],
    ['not at all', { seconds: 0n, nanos: 0 }, 0],
  ])('the forecast looks ahead %s', async (_what, within, withinMs) => {
    const client = await as(ConnectionServiceClient, 'reader');
    const request = { parent: 'clients/c', within, pageSize: 0, pageToken: 't' };
    const query = { clientId: 'c', withinMs, pageSize: 50, pageToken: 't' };
    expect(await call(client, client.listReauthorizations, request)).toMatchObject({
      response: {
        connections: [{ name: 'clients/c/connections/u123' }],
        nextPageToken: JSON.stringify(query),
      },
    });
    const absurd = { ...request, within: { seconds: 10n ** 10n, nanos: 0 } };
    expect(await call(client, client.listReauthorizations, absurd)).toMatchObject({
      failure: { code: status.INVALID_ARGUMENT },
    });
  });

  test('a negative page size, a state and a role that do not exist', async () => {
    const connections = await as(ConnectionServiceClient, 'reader');
    const access = await as(AccessServiceClient, 'admin');
    const invalid = { failure: { code: status.INVALID_ARGUMENT } };
    const page = { parent: 'clients/c', pageSize: -1, pageToken: '', state: Connection_State.UNSPECIFIED };
    expect(await call(connections, connections.listConnections, page)).toMatchObject(invalid);
    const odd = { ...page, pageSize: 0, state: 99 as Connection_State };
    expect(await call(connections, connections.listConnections, odd)).toMatchObject(invalid);
    const given = {
      name: '',
      identities: ['cn:x'],
      roles: [Workload_Role.UNSPECIFIED],
      createTime: undefined,
    };
    expect(await call(access, access.createWorkload, { workloadId: 'x', workload: given })).toMatchObject(
      invalid,
    );
    expect(await call(access, access.createWorkload, { workloadId: 'x', workload: undefined })).toMatchObject(
      invalid,
    );
  });

  test('roles are denied by default (P8)', async () => {
    const given = { name: '', identities: ['cn:x'], roles: [Workload_Role.ADMIN], createTime: undefined };
    for (const name of ['job', 'reader', 'operator']) {
      const access = await as(AccessServiceClient, name);
      expect(await call(access, access.createWorkload, { workloadId: 'x', workload: given })).toMatchObject({
        failure: { code: status.PERMISSION_DENIED, details: { reason: 'ACCESS_DENIED' } },
      });
    }
    const admin = await as(AccessServiceClient, 'admin');
    expect(await call(admin, admin.createWorkload, { workloadId: 'x', workload: given })).toMatchObject({
      response: { workload: { name: 'workloads/x', roles: [Workload_Role.ADMIN] } },
    });
    const job = await as(ConnectionServiceClient, 'job');
    expect(await call(job, job.getConnection, { name: 'clients/c/connections/u123' })).toMatchObject({
      failure: { code: status.PERMISSION_DENIED },
    });
  });

  test('an OAuth client, with its own settings and what they make together with its profile', async () => {
    const client = await as(ClientServiceClient, 'reader');
    const fiveSeconds = { graceWindow: { seconds: 5n, nanos: 0 } };
    expect(await call(client, client.getClient, { name: 'clients/c' })).toMatchObject({
      response: {
        client: {
          profileSettings: { ...fiveSeconds, finalErrors: undefined, rotates: undefined },
          effectiveProfile: {
            name: 'strict',
            settings: { ...fiveSeconds, finalErrors: { codes: ['invalid_grant'] }, rotates: true },
          },
        },
      },
    });
  });

  test('the profiles, for readers', async () => {
    const reader = await as(ClientServiceClient, 'reader');
    expect(await call(reader, reader.listProfiles, {})).toMatchObject({
      response: { profiles: [{ name: 'strict', settings: { reuse: ProfileSettings_Reuse.REVOKES } }] },
    });
    const job = await as(ClientServiceClient, 'job');
    expect(await call(job, job.listProfiles, {})).toMatchObject({
      failure: { code: status.PERMISSION_DENIED },
    });
  });

  test('P11: an OAuth client is frozen and thawed, and says so', async () => {
    const client = await as(ClientServiceClient, 'operator');
    expect(await call(client, client.freezeClient, { name: 'clients/c', reason: 'why' })).toMatchObject({
      response: {
        client: {
          name: 'clients/c',
          ratePerSecond: 2.5,
          maxConcurrent: 3,
          freeze: { reason: 'why', by: 'workloads/operator', time: { seconds: 1n } },
          canary: Client_Canary.UNSPECIFIED,
        },
      },
    });
    const thawed = await call(client, client.thawClient, {
      name: 'clients/c',
      reason: '',
      acceptDenials: false,
    });
    expect(thawed).toMatchObject({
      response: { client: { freeze: undefined, canary: Client_Canary.THAWED } },
    });
    expect(await call(client, client.freezeClient, { name: 'c', reason: 'why' })).toMatchObject({
      failure: { code: status.INVALID_ARGUMENT },
    });
  });

  test('the status of OAuth clients, with the replica that answers', async () => {
    const client = await as(ClientServiceClient, 'reader');
    const expected = {
      name: 'clients/c',
      canary: Client_Canary.CHANGED,
      breaker: {
        replica: 'replica-7',
        state: ClientStatus_Breaker_State.OPEN,
        failureCount: 3,
        lastError: 'invalid_client: no',
        retryTime: { seconds: 2n, nanos: 0 },
      },
      ratePerSecond: 2.5,
      maxConcurrent: 3,
      available: 1,
      openAttempts: 2n,
      dueCount: 4n,
      oldestOverdue: { seconds: 5n, nanos: 0 },
      slack: { seconds: 0n, nanos: 0 },
      unservedCount: 6n,
      connectionCounts: [
        { state: 'ACTIVE', count: 8n },
        { state: 'IN_DOUBT', count: 1n },
      ],
    };
    expect(await call(client, client.getClientStatus, { name: 'clients/c' })).toMatchObject({
      response: { status: expected },
    });
    expect(await call(client, client.listClientStatuses, {})).toMatchObject({
      response: { statuses: [expected] },
    });
  });

  test('an update with paths that cannot be changed', async () => {
    const client = await as(ClientServiceClient, 'admin');
    const given = {
      name: 'clients/c',
      issuer: '',
      endpoints: undefined,
      clientId: '',
      authMethod: 0,
      clientSecret: '',
      scopes: [],
      profile: '',
      rotateAt: 0,
      redirectUri: '',
      defaultTokenTtl: undefined,
      createTime: undefined,
      updateTime: undefined,
      profileSettings: undefined,
      effectiveProfile: undefined,
      refreshTokenIdleTtl: undefined,
      authorizationTtl: undefined,
      ratePerSecond: 0,
      maxConcurrent: 0,
      freeze: undefined,
      canary: 0,
    };
    const outcome = await call(client, client.updateClient, {
      client: given,
      updateMask: ['scopes', 'create_time'],
    });
    expect(outcome).toMatchObject({
      failure: { code: status.INVALID_ARGUMENT, message: expect.stringContaining('create_time') as string },
    });
  });
});
