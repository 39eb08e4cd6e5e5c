import { status } from '@grpc/grpc-js';
import { call, TokenBrokerError, type BrokerConnection } from '#libs/client';
import {
  ClientStatus_Breaker_State as Breaker,
  type ClientStatus,
} from '#proto/tokenbroker/v1/client_service';
import { Connection_State as State } from '#proto/tokenbroker/v1/connection_service';
import { EXAMPLES, registerClient, registerExamples } from '../../apps/dev/src/examples.js';
import { connectUser, getConnection, getToken, refusalOf, rotate } from '../harness/broker-calls.js';
import { eventually, startTestStack, type TestStack } from '../harness/test-stack.js';

const USER_SCOPES = ['openid', 'offline_access', 'sf/software_development'];
const HUNG = 'indicium-hung';
const WELL = 'indicium-well';
const STORM = 'indicium-storm';
const HUNG_CONNECTIONS = 30;
const WELL_CONNECTIONS = 8;
const USERS = 7;
const TTL_SECONDS = 12;

describe('P6, P11: what happens to one OAuth client, and what another notices of it', () => {
  let test: TestStack;
  let admin: BrokerConnection;
  let workload: BrokerConnection;

  const name = (client: string, i: number): string => `clients/${client}/connections/c${i}`;
  const each = <T>(count: number, work: (i: number) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: count }, (_, i) => work(i)));
  const statusOf = async (client: string): Promise<ClientStatus> => {
    const { clients } = admin;
    const request = { name: `clients/${client}` };
    const { status: answer } = await call(clients.getClientStatus.bind(clients), request);
    if (!answer) throw new Error('No status in the answer.');
    return answer;
  };
  const metric = async (line: string): Promise<boolean> => {
    const answer = await fetch(`${test.stack.replicaAt(0).webUrl}/metrics`);
    return (await answer.text()).split('\n').includes(line);
  };
  const events = (event: string): Array<Record<string, unknown>> =>
    test.brokerLines.flatMap(({ json }) => (json?.['event'] === event ? [json] : []));

  beforeAll(async () => {
    test = await startTestStack({
      tokenTtlSeconds: TTL_SECONDS,
      brokerEnvironment: {
        TOKEN_BROKER_EXCHANGE_TIMEOUT_SECONDS: '3',
        TOKEN_BROKER_ATTEMPT_DEADLINE_SECONDS: '6',
      },
    });
    admin = await test.stack.connect('admin');
    await registerExamples(test.stack, admin);
    workload = await test.stack.connect(EXAMPLES.workload);
    for (const [client, id] of [
      [HUNG, 'hung-batch'],
      [WELL, 'well-batch'],
    ] as const) {
      await test.control('POST', 'clients', {
        client_id: id,
        client_secret: test.stack.clientSecret(id),
        grant_types: ['client_credentials'],
        linked_user: 'svc-invoice',
      });
      await registerClient(test.stack, admin, client, id, ['sf/software_development']);
    }
    const { connections } = admin;
    const create = (client: string, i: number): Promise<unknown> =>
      call(connections.createConnection.bind(connections), {
        parent: `clients/${client}`,
        connectionId: `c${i}`,
        scopes: [],
      });
    await each(HUNG_CONNECTIONS, (i) => create(HUNG, i));
    await each(WELL_CONNECTIONS, (i) => create(WELL, i));
    await each(HUNG_CONNECTIONS, (i) => getToken(workload, name(HUNG, i)));
    await each(WELL_CONNECTIONS, (i) => getToken(workload, name(WELL, i)));
  }, 120_000);

  afterAll(async () => {
    admin?.close();
    workload?.close();
    await test?.close();
  });

  it('P11: a new OAuth client has proved itself by its first token', async () => {
    for (const client of [HUNG, WELL]) {
      await eventually(`${client} to have proved itself`, async () => (await statusOf(client)).canary === 0);
    }
    expect(events('canary.proved').map(({ client }) => client)).toEqual(
      expect.arrayContaining([`clients/${HUNG}`, `clients/${WELL}`]),
    );
  });

  it('an authorization server that hangs delays nobody else, and its own readers learn why', async () => {
    await test.control('POST', 'faults', { kind: 'hang', clientId: 'hung-batch', times: -1 });
    const before = await each(WELL_CONNECTIONS, (i) => getConnection(admin, name(WELL, i)));
    const open = await eventually('the breaker to open', async () => {
      // Its readers pile up meanwhile, and take what slots they can get.
      void each(HUNG_CONNECTIONS, (i) => getToken(workload, name(HUNG, i)).catch(() => undefined));
      // Nobody else is refused, nor gets a token that is over.
      for (const token of await each(WELL_CONNECTIONS, (i) => getToken(workload, name(WELL, i)))) {
        expect(Number(token.ttl?.seconds ?? 0n)).toBeGreaterThan(0);
      }
      const now = await statusOf(HUNG);
      return now.breaker?.state === Breaker.OPEN && now;
    });
    expect(open.breaker).toMatchObject({
      replica: 'broker-1',
      lastError: expect.stringMatching(/^timeout: /),
    });
    const rotatedAll = await eventually('the rotation of all that is well', async () => {
      const now = await each(WELL_CONNECTIONS, (i) => getConnection(admin, name(WELL, i)));
      const later = (i: number): boolean =>
        (now[i]?.lastRotateTime?.seconds ?? 0n) > (before[i]?.lastRotateTime?.seconds ?? 0n);
      return now.every((_, i) => later(i));
    });
    expect(rotatedAll).toBe(true);
    const refusal = await eventually('a refusal with its reason', async () => {
      const answer = await getToken(workload, name(HUNG, 0)).catch((error: unknown) => error);
      // One that was waiting when the breaker opened is told that its wait was over.
      const isRefusal = answer instanceof TokenBrokerError && answer.reason !== 'WAIT_EXPIRED';
      return isRefusal && answer;
    });
    expect(refusal).toMatchObject({
      code: status.UNAVAILABLE,
      reason: 'AUTHORIZATION_SERVER_DOWN',
      metadata: { last_error: 'timeout' },
      retryAfterMs: expect.any(Number) as number,
    });
    expect(await metric(`token_broker_breaker_open{client="${HUNG}"} 1`)).toBe(true);
    expect(await metric(`token_broker_breaker_open{client="${WELL}"} 0`)).toBe(true);
    const healthy = await statusOf(WELL);
    expect(healthy).toMatchObject({ unservedCount: 0n, breaker: { state: Breaker.CLOSED } });
    expect(Number(healthy.slack?.seconds ?? 0n)).toBeGreaterThan(0);

    await test.control('DELETE', 'faults');
    // An operator need not wait for the breaker: what comes of it closes it.
    await eventually('a rotation by hand', async () => rotate(admin, name(HUNG, 0)).catch(() => false));
    await eventually('all of it to be served again', async () => (await statusOf(HUNG)).unservedCount === 0n);
    expect(events('breaker.closed')).not.toEqual([]);
  }, 180_000);

  it('P11: a changed secret keeps the fleet waiting with its reason, and one rotation lets it follow', async () => {
    await test.control('POST', 'client-secret', { client_id: 'well-batch', client_secret: 'changed-in-iam' });
    await eventually('the breaker to open', async () => {
      const { breaker } = await statusOf(WELL);
      return breaker?.state === Breaker.OPEN && breaker.lastError.startsWith('invalid_client');
    });
    const { clients } = admin;
    const { client } = await call(clients.getClient.bind(clients), { name: `clients/${WELL}` });
    if (!client) throw new Error('No OAuth client in the answer.');
    const changed = await call(clients.updateClient.bind(clients), {
      client: { ...client, clientSecret: 'changed-in-iam' },
      updateMask: ['client_secret'],
    });
    expect(changed.client?.canary).toBe(1);
    await eventually('the fleet to follow', async () => {
      const now = await statusOf(WELL);
      return now.canary === 0 && now.unservedCount === 0n && now.dueCount === 0n;
    });
  }, 120_000);

  it('P11: when all are denied at once the OAuth client is frozen, and nothing is burnt', async () => {
    await registerClient(test.stack, admin, STORM, 'indicium-web', USER_SCOPES);
    for (let i = 0; i < USERS; i += 1) await connectUser(admin, name(STORM, i), 'ada');
    await eventually('the first rotation', async () => (await statusOf(STORM)).canary === 0);
    await test.control('POST', 'revoke-grants', { client_id: 'indicium-web' });
    const frozen = await eventually('the freeze', async () => {
      const now = await statusOf(STORM);
      return now.freeze && now;
    });
    expect(frozen.freeze).toMatchObject({
      by: 'replicas/broker-1',
      reason: expect.stringContaining('invalid_grant') as string,
    });
    expect(events('client.frozen')).toMatchObject([{ level: 'error', client: `clients/${STORM}` }]);
    expect(await metric(`token_broker_client_frozen{client="${STORM}"} 1`)).toBe(true);
    const after = await each(USERS, (i) => getConnection(admin, name(STORM, i)));
    expect(after.filter(({ state }) => state === State.REAUTHORIZATION_REQUIRED)).toEqual([]);
    expect(await refusalOf(rotate(admin, name(STORM, 0)))).toMatchObject({
      code: status.FAILED_PRECONDITION,
      reason: 'CLIENT_FROZEN',
    });

    const { clients } = admin;
    const thaw = (acceptDenials: boolean): Promise<unknown> =>
      call(clients.thawClient.bind(clients), { name: `clients/${STORM}`, reason: 'a test', acceptDenials });
    await thaw(false);
    const again = await eventually('the freeze after a denied canary', async () => {
      const now = await statusOf(STORM);
      return now.freeze && now;
    });
    expect(again.freeze?.reason).toMatch(/^The first rotation after the thaw was denied/);
    const lost = (await statusOf(STORM)).connectionCounts.find(({ state }) => state.startsWith('REAUTH'));
    expect(Number(lost?.count ?? 0n)).toBeLessThanOrEqual(1);

    await thaw(true);
    await eventually('all denials to be final', async () => {
      const counts = (await statusOf(STORM)).connectionCounts;
      return counts.some((one) => one.state === 'REAUTHORIZATION_REQUIRED' && one.count === BigInt(USERS));
    });
    expect((await statusOf(STORM)).freeze).toBeUndefined();
  }, 120_000);
});
