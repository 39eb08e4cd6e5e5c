import { call, type BrokerConnection } from '#libs/client';
import { Client_AuthMethod, type Client } from '#proto/tokenbroker/v1/client_service';
import { Connection_State as State, type Connection } from '#proto/tokenbroker/v1/connection_service';
import type { Timestamp } from '#proto/google/protobuf/timestamp';
import { EXAMPLES, registerExamples } from '../../apps/dev/src/examples.js';
import { connectUser, getConnection, getToken, refusalOf } from '../harness/broker-calls.js';
import { eventually, startTestStack, type TestStack } from '../harness/test-stack.js';

const { userConnection: ADA } = EXAMPLES;
const DAY_MS = 86_400_000;

/** Long enough for a slow machine to rotate in time, short enough to wait for its end. */
const REFRESH_TOKEN_TTL_SECONDS = 24;

const millis = (at: Timestamp | undefined): number => Number(at?.seconds ?? 0n) * 1_000;

describe('refresh tokens that end by themselves, at a server that says when', () => {
  let test: TestStack;
  let admin: BrokerConnection;
  let workload: BrokerConnection;

  beforeAll(async () => {
    test = await startTestStack({
      tokenTtlSeconds: 3_600,
      devAsEnvironment: {
        DEV_AS_REFRESH_TOKEN_TTL_SECONDS: String(REFRESH_TOKEN_TTL_SECONDS),
        DEV_AS_AUTHORIZATION_TTL_SECONDS: String((20 * DAY_MS) / 1_000),
        DEV_AS_ANSWER_LIFETIMES: 'true',
      },
    });
    admin = await test.stack.connect('admin');
    await registerExamples(test.stack, admin);
    workload = await test.stack.connect(EXAMPLES.workload);
    await connectUser(admin, ADA, 'ada');
  });

  afterAll(async () => {
    admin?.close();
    workload?.close();
    await test?.close();
  });

  const forecast = async (days: number): Promise<Connection[]> => {
    const { connections } = await call(admin.connections.listReauthorizations.bind(admin.connections), {
      parent: 'clients/-',
      within: { seconds: BigInt((days * DAY_MS) / 1_000), nanos: 0 },
      pageSize: 0,
      pageToken: '',
    });
    return connections;
  };

  it('an idle connection is kept alive: rotated in time, although its access token lives for an hour', async () => {
    const first = await getConnection(admin, ADA);
    expect(millis(first.refreshTokenExpireTime)).toBeLessThan(Date.now() + REFRESH_TOKEN_TTL_SECONDS * 1_000);
    expect(millis(first.rotateTime)).toBeLessThan(millis(first.refreshTokenExpireTime));
    expect(millis(first.expireTime)).toBeGreaterThan(Date.now() + 3_000_000);
    const later = await eventually(
      'two rotations by themselves',
      async () => {
        const connection = await getConnection(admin, ADA);
        return connection.generation >= first.generation + 2n && connection;
      },
      90_000,
    );
    expect(later.state).toBe(State.ACTIVE);
    expect(millis(later.refreshTokenExpireTime)).toBeGreaterThan(millis(first.refreshTokenExpireTime));
    expect(await test.judgement()).toMatchObject({ doubleSpends: [] });
  });

  it('the forecast says when its user will be needed, and the metric how many will be', async () => {
    expect(await forecast(19)).toEqual([]);
    const [ada] = await forecast(21);
    expect(ada?.name).toBe(ADA);
    const days = (millis(ada?.reauthorizeTime) - Date.now()) / DAY_MS;
    expect(Math.round(days)).toBe(20);
    await eventually('the metric', async () => {
      const metrics = await (await fetch(`${test.stack.replicaAt(0).webUrl}/metrics`)).text();
      return (
        metrics.includes('token_broker_reauthorizations_due{within="30d"} 1') &&
        metrics.includes('token_broker_reauthorizations_due{within="7d"} 0')
      );
    });
  });

  it('P12: a changed lifetime, and a setting over the profile’s, take effect and show', async () => {
    const indicium = 'clients/indicium';
    const change = async (fields: Partial<Client>, updateMask: string[]): Promise<Client> => {
      const { client: present } = await call(admin.clients.getClient.bind(admin.clients), { name: indicium });
      if (!present) throw new Error('no client');
      const client = { ...present, authMethod: Client_AuthMethod.UNSPECIFIED, ...fields };
      const answer = await call(admin.clients.updateClient.bind(admin.clients), { client, updateMask });
      if (!answer.client) throw new Error('no client');
      return answer.client;
    };
    const { profiles } = await call(admin.clients.listProfiles.bind(admin.clients), {});
    const settings = profiles.find(({ name }) => name === 'indicium')?.settings;
    if (!settings) throw new Error('no profile');
    const graceWindow = { seconds: 5n, nanos: 0 };
    const changed = await change(
      {
        authorizationTtl: { seconds: 2n * 86_400n, nanos: 0 },
        profileSettings: { ...settings, graceWindow },
      },
      ['authorization_ttl', 'profile_settings.grace_window'],
    );
    expect(changed.effectiveProfile?.settings).toEqual({ ...settings, graceWindow });
    expect(changed.profileSettings).toMatchObject({ graceWindow, finalErrors: undefined });
    const [ada] = await forecast(3);
    expect(ada?.name).toBe(ADA);
    const back = await change({ authorizationTtl: undefined, profileSettings: undefined }, [
      'authorization_ttl',
      'profile_settings',
    ]);
    expect(back.effectiveProfile?.settings).toEqual(settings);
  });

  it('one that nobody keeps alive ends: it is tried all the same, and the reason says that it had expired', async () => {
    await call(admin.connections.pauseConnection.bind(admin.connections), { name: ADA });
    const paused = await getConnection(admin, ADA);
    expect(paused.reauthorizeTime).toEqual(paused.refreshTokenExpireTime);
    await eventually(
      'the end of the refresh token',
      async () => millis(paused.refreshTokenExpireTime) + 2_000 < Date.now(),
      60_000,
    );
    await call(admin.connections.resumeConnection.bind(admin.connections), { name: ADA });
    const ended = await eventually('the server’s word', async () => {
      const connection = await getConnection(admin, ADA);
      return connection.state === State.REAUTHORIZATION_REQUIRED && connection;
    });
    expect(ended.lastError).toMatch(
      /^invalid_grant: .*the refresh token had expired unused at \d{4}-\d\d-\d\dT/,
    );
    expect((await forecast(0)).map(({ name }) => name)).toEqual([ADA]);
    expect(await refusalOf(getToken(workload, ADA))).toMatchObject({ reason: 'REAUTHORIZATION_REQUIRED' });
  });
});
