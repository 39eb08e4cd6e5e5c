import { status } from '@grpc/grpc-js';
import { call, TokenBrokerError, type BrokerConnection } from '#libs/client';
import { Connection_State } from '#proto/tokenbroker/v1/connection_service';
import { registerClient, registerExamples, EXAMPLES } from '../../apps/dev/src/examples.js';
import { connectUser, getConnection, getToken, rotate } from '../harness/broker-calls.js';
import { startTestStack, type TestStack } from '../harness/test-stack.js';

/** The short form; `npm run soak` runs the long one of the project's promise. */
const CONNECTIONS = Number(process.env['SOAK_CONNECTIONS'] ?? 30);
const TOKEN_TTL_SECONDS = Number(process.env['SOAK_TOKEN_TTL_SECONDS'] ?? 6);
const SECONDS = Number(process.env['SOAK_SECONDS'] ?? 20);
const SCOPES = ['openid', 'offline_access', 'sf/software_development'];

describe(`two replicas, ${CONNECTIONS} connections with ${TOKEN_TTL_SECONDS}-second tokens, ${SECONDS} seconds`, () => {
  let test: TestStack;
  let admin: BrokerConnection;
  let workloads: BrokerConnection[];

  beforeAll(async () => {
    test = await startTestStack({ tokenTtlSeconds: TOKEN_TTL_SECONDS, replicas: 2 });
    admin = await test.stack.connect('admin');
    await registerExamples(test.stack, admin);
    await registerClient(test.stack, admin, 'indicium-many', 'indicium-web', SCOPES);
    workloads = [
      await test.stack.connect(EXAMPLES.workload, 0),
      await test.stack.connect(EXAMPLES.workload, 1),
    ];
  }, 120_000);

  afterAll(async () => {
    admin?.close();
    for (const workload of workloads ?? []) workload.close();
    await test?.close();
  });

  const name = (i: number): string => `clients/indicium-many/connections/user-${i}`;

  it('P1, P4, P10: no refresh token is presented twice, none is lost, and reads never see a stale one', async () => {
    for (let i = 0; i < CONNECTIONS; i += 1) await connectUser(admin, name(i), 'ada');
    const end = Date.now() + SECONDS * 1_000;
    let reads = 0;
    const failures: unknown[] = [];
    while (Date.now() < end) {
      const i = reads % CONNECTIONS;
      const workload = workloads[reads % 2] as BrokerConnection;
      try {
        const token = await getToken(workload, name(i));
        const left = Number(token.expireTime?.seconds ?? 0n) * 1_000 - Date.now();
        if (left <= 0) failures.push(`a token of ${name(i)} was over`);
      } catch (error) {
        failures.push(error);
      }
      reads += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(failures).toEqual([]);

    const { connections } = await call(admin.connections.listConnections.bind(admin.connections), {
      parent: 'clients/indicium-many',
      pageSize: 1_000,
      pageToken: '',
      state: Connection_State.UNSPECIFIED,
    });
    expect(connections.filter(({ state }) => state !== Connection_State.ACTIVE)).toEqual([]);
    const leastRotations = Math.floor(SECONDS / TOKEN_TTL_SECONDS) - 1;
    for (const { generation } of connections) expect(Number(generation)).toBeGreaterThan(leastRotations);
    const judgement = await test.judgement();
    expect(judgement.presentedTwice).toEqual([]);
    expect(judgement.chainsKilled).toEqual([]);
    const rotatedBy = new Set(
      test.brokerLines.flatMap(({ json }) =>
        json?.['event'] === 'rotation.succeeded' ? [json['replica']] : [],
      ),
    );
    expect(rotatedBy).toEqual(new Set(['broker-1', 'broker-2']));
    process.stderr.write(
      `\n${judgement.presented} refresh tokens presented, ${judgement.presentedTwice.length} twice; ${reads} reads\n`,
    );
  }, 600_000);

  it('P1: many callers of both replicas at once need one rotation', async () => {
    const before = await getConnection(admin, name(0));
    const fresh = await Promise.all(
      Array.from({ length: 40 }, (_, i) => getToken(workloads[i % 2] as BrokerConnection, name(0))),
    );
    expect(new Set(fresh.map(({ accessToken }) => accessToken)).size).toBeLessThanOrEqual(2);
    expect(Number((await getConnection(admin, name(0))).generation - before.generation)).toBeLessThanOrEqual(
      1,
    );
  });

  it('P10: a replica that ends with SIGTERM finishes its work; the other one goes on', async () => {
    const second = test.stack.replicaAt(1);
    const asked = Array.from({ length: 10 }, (_, i) =>
      rotate(admin, name(i)).catch((error: unknown) => error),
    );
    expect(await second.child.stop()).toBe(0);
    await Promise.all(asked);
    expect((await getToken(workloads[0] as BrokerConnection, name(1))).accessToken).not.toBe('');
    await test.stack.startReplica(1);
    expect((await getToken(workloads[1] as BrokerConnection, name(1))).accessToken).not.toBe('');
    expect((await test.judgement()).presentedTwice).toEqual([]);
  });

  it('P4: a replica that is killed loses nothing silently', async () => {
    const second = test.stack.replicaAt(1);
    for (let i = 0; i < CONNECTIONS; i += 1) void rotate(admin, name(i)).catch(() => undefined);
    second.child.process.kill('SIGKILL');
    await second.child.exited;
    await test.stack.startReplica(1);
    const judgement = await test.judgement();
    expect(judgement.doubleSpends).toEqual([]);
    for (let i = 0; i < CONNECTIONS; i += 1) {
      const read = await getToken(workloads[0] as BrokerConnection, name(i)).catch((error: unknown) => error);
      if (read instanceof TokenBrokerError)
        expect([status.FAILED_PRECONDITION, status.DEADLINE_EXCEEDED]).toContain(read.code);
    }
  });
});
