import { Metadata, status, type ClientReadableStream } from '@grpc/grpc-js';
import { makeGenericClientConstructor } from '@grpc/grpc-js';
import { service as healthDefinition } from 'grpc-health-check';
import { FileDescriptorProto } from '#proto/google/protobuf/descriptor';
import { TokenServiceClient, type GetAccessTokenResponse } from '#proto/tokenbroker/v1/token_service';
import {
  call,
  channel,
  goodToken,
  policyOf,
  refusingParts,
  startServer,
  workload,
} from '../../../test/harness/grpc-fixture.js';
import { reflect } from '../../../test/harness/reflection-client.js';
import { TestCa, type TestKeyPair } from '../../../test/harness/test-pki.js';
import { createGrpcServer, SERVICE_NAMES, type GrpcServer, type GrpcServerParts } from './index.js';

const REQUEST = { connection: 'clients/c/connections/u', minTtl: undefined, scopes: [], resource: '' };
const HealthClient = makeGenericClientConstructor(healthDefinition, 'Health');
type HealthStatus = { status: string };

describe('the server', () => {
  let ca: TestCa;
  let pair: TestKeyPair;
  let server: GrpcServer;
  let address: string;
  let hold: Promise<void> = Promise.resolve();
  const clients: { close(): void }[] = [];

  beforeEach(async () => {
    ca = await TestCa.create();
    pair = await ca.issueSpiffe('spiffe://prod.test/sync');
    const parts: GrpcServerParts = {
      ...refusingParts(),
      policy: policyOf([workload('sync', ['spiffe://prod.test/sync'])]),
      handOut: {
        get: async () => {
          await hold;
          return goodToken();
        },
      },
    };
    ({ server, address } = await startServer(ca, parts));
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    hold = Promise.resolve();
    await server.close(500);
  });

  function tokens(as = pair, trust = ca): TokenServiceClient {
    const client = new TokenServiceClient(address, channel(trust, as), {
      'grpc.use_local_subchannel_pool': 1,
    });
    clients.push(client);
    return client;
  }
  function get(client: TokenServiceClient, options: { deadline?: number } = {}) {
    return call<typeof REQUEST, GetAccessTokenResponse>(client, client.getAccessToken, REQUEST, options);
  }
  function health(): InstanceType<typeof HealthClient> {
    const client = new HealthClient(address, channel(ca), { 'grpc.use_local_subchannel_pool': 1 });
    clients.push(client);
    return client;
  }
  async function healthOf(service: string) {
    const client = health();
    return call<{ service: string }, HealthStatus>(client, client['check'] as never, { service });
  }

  test('health answers without a certificate, per service and overall', async () => {
    for (const name of ['', ...SERVICE_NAMES]) {
      expect(await healthOf(name)).toEqual({ response: { status: 'NOT_SERVING' } });
    }
    server.setServing(true);
    for (const name of ['', ...SERVICE_NAMES]) {
      expect(await healthOf(name)).toEqual({ response: { status: 'SERVING' } });
    }
    expect(await healthOf('x')).toMatchObject({ failure: { code: status.NOT_FOUND } });
  });

  test('a watcher of health hears of every change, and is let go at the close', async () => {
    const client = health();
    const watch = client['watch'] as unknown as (
      query: object,
      metadata: Metadata,
    ) => ClientReadableStream<HealthStatus>;
    const heard: string[] = [];
    const ended = new Promise<string>((resolve) => {
      const stream = watch.call(client, { service: '' }, new Metadata());
      stream.on('data', ({ status: is }: HealthStatus) => {
        heard.push(is);
        if (heard.length === 1) server.setServing(true);
        if (heard.length === 2) void server.close(5_000).then(() => resolve('closed'));
      });
      stream.on('error', (error) => resolve(error.message));
    });
    expect(await ended).toBe('closed');
    expect(heard).toEqual(['NOT_SERVING', 'SERVING', 'NOT_SERVING']);
  });

  test('reflection shows the contract to callers that it knows', async () => {
    const services = await reflect(address, channel(ca, pair), { listServices: '*' });
    expect(services).toMatchObject({
      listServicesResponse: {
        service: expect.arrayContaining(SERVICE_NAMES.map((name) => ({ name }))) as unknown,
      },
    });
    const file = await reflect(address, channel(ca, pair), {
      fileContainingSymbol: 'tokenbroker.v1.TokenService',
    });
    const bytes = (file as { fileDescriptorResponse: { fileDescriptorProto: number[][] } })
      .fileDescriptorResponse;
    const names = bytes.fileDescriptorProto.map(
      (one) => FileDescriptorProto.decode(Uint8Array.from(one)).name,
    );
    expect(names).toEqual(
      expect.arrayContaining(['tokenbroker/v1/token_service.proto', 'google/protobuf/duration.proto']),
    );
  });

  test('reflection tells nobody else', async () => {
    await expect(reflect(address, channel(ca), { listServices: '*' })).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
    });
  });

  test('the close waits for a running call, and takes no new one', async () => {
    let finish = (): void => undefined;
    hold = new Promise((resolve) => (finish = resolve));
    const running = get(tokens());
    await new Promise((resolve) => setTimeout(resolve, 200));
    let closed = false;
    const closing = server.close(10_000).then(() => (closed = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(closed).toBe(false);
    expect(await get(tokens(), { deadline: Date.now() + 500 })).toHaveProperty('failure');
    finish();
    expect(await running).toMatchObject({ response: { accessToken: 'an-access-token' } });
    await closing;
  });

  test('the close cuts off what is left at its deadline', async () => {
    hold = new Promise(() => undefined);
    const running = get(tokens());
    await new Promise((resolve) => setTimeout(resolve, 200));
    const startedAt = performance.now();
    await server.close(300);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(await running).toMatchObject({ failure: { code: status.CANCELLED } });
  });

  test('no call fails while a server closes under load and another one is there', async () => {
    const client = tokens();
    let stop = false;
    const outcomes: object[] = [];
    const load = Array.from({ length: 20 }, async () => {
      while (!stop) outcomes.push(await get(client, { deadline: Date.now() + 5_000 }));
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const closing = server.close(5_000);
    const parts = {
      ...refusingParts(),
      policy: policyOf([workload('sync', ['spiffe://prod.test/sync'])]),
      handOut: { get: async () => goodToken() },
    };
    const other = createGrpcServer({ parts, tls: { ...(await ca.issueServer()), clientCa: ca.certificate } });
    await closing;
    await other.listen(address);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    stop = true;
    await Promise.all(load);
    await other.close(1_000);
    const failures = outcomes.filter((outcome) => 'failure' in outcome);
    // Nothing that was begun is lost; while nobody listens, a client can only say so.
    expect(
      failures.filter((outcome) => !JSON.stringify(outcome).includes('No connection established')),
    ).toEqual([]);
  });

  test('other certificates are taken up while it runs (P12)', async () => {
    const client = tokens();
    expect(await get(client)).toHaveProperty('response');
    const next = await TestCa.create('Next CA');
    server.updateTls({ ...(await next.issueServer()), clientCa: next.certificate });
    const newcomer = tokens(await next.issueSpiffe('spiffe://prod.test/sync'), next);
    expect(await get(newcomer)).toHaveProperty('response');
    // The old authority's word is no longer good: the present connection has been asked to go as well.
    expect(await get(client, { deadline: Date.now() + 1_000 })).toHaveProperty('failure');
    expect(await get(tokens(pair, next))).toMatchObject({ failure: { code: status.UNAUTHENTICATED } });
  });

  test('material that cannot serve is refused, and the present one stays', async () => {
    const other = await ca.issueServer();
    const good = { ...other, clientCa: ca.certificate };
    expect(() => server.updateTls({ ...good, privateKey: pair.privateKey })).toThrow();
    expect(() => server.updateTls({ ...good, clientCa: '' })).toThrow(/no certificate/);
    expect(await get(tokens())).toHaveProperty('response');
  });

  test('a caller that goes away leaves nothing behind', async () => {
    let finish = (): void => undefined;
    hold = new Promise((resolve) => (finish = resolve));
    expect(await get(tokens(), { deadline: Date.now() + 300 })).toMatchObject({
      failure: { code: status.DEADLINE_EXCEEDED },
    });
    finish();
    hold = Promise.resolve();
    expect(await get(tokens())).toHaveProperty('response');
  });
});
