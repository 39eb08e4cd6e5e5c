import { connect } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { AccessPolicy, type AccessTokenRequest, type Workload } from '#libs/core';
import { TokenServiceClient, type GetAccessTokenResponse } from '#proto/tokenbroker/v1/token_service';
import {
  call,
  channel,
  goodToken,
  policyOf,
  refusingParts,
  startServer,
  workload,
  type Failure,
} from '../../../test/harness/grpc-fixture.js';
import { TestCa, type TestKeyPair } from '../../../test/harness/test-pki.js';
import type { GrpcServer, GrpcServerParts } from './index.js';

const SYNC = 'spiffe://prod.test/sync';
const ADMIN = 'spiffe://prod.test/admin';
const REQUEST = { connection: 'clients/c/connections/u', minTtl: undefined, scopes: [], resource: '' };

describe('who calls (P8)', () => {
  let ca: TestCa;
  let server: GrpcServer;
  let address: string;
  let policy: () => AccessPolicy;
  const asked: { caller: Workload; request: AccessTokenRequest }[] = [];
  const clients: TokenServiceClient[] = [];

  beforeAll(async () => {
    ca = await TestCa.create();
    policy = policyOf([
      workload('sync', [SYNC, 'dns:sync.test', 'cn:sync']),
      workload('admin', [ADMIN], ['ADMIN']),
    ]);
    const parts: GrpcServerParts = {
      ...refusingParts(),
      policy: () => policy(),
      handOut: {
        get: async (caller, request) => {
          asked.push({ caller, request });
          return goodToken();
        },
      },
    };
    ({ server, address } = await startServer(ca, parts));
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    asked.length = 0;
  });
  afterAll(() => server.close(1_000));

  function clientWith(pair?: TestKeyPair): TokenServiceClient {
    // A pool of its own, so that no test gets another one's connection.
    const client = new TokenServiceClient(address, channel(ca, pair), {
      'grpc.use_local_subchannel_pool': 1,
    });
    clients.push(client);
    return client;
  }
  function get(
    client: TokenServiceClient,
  ): Promise<{ response: GetAccessTokenResponse } | { failure: Failure }> {
    return call<typeof REQUEST, GetAccessTokenResponse>(client, client.getAccessToken, REQUEST);
  }
  async function refusalOf(pair?: TestKeyPair): Promise<string> {
    const outcome = await get(clientWith(pair));
    expect(outcome).toMatchObject({
      failure: { code: status.UNAUTHENTICATED, details: { reason: 'UNAUTHENTICATED' } },
    });
    expect(asked).toEqual([]);
    return (outcome as { failure: Failure }).failure.message;
  }

  test.each([
    ['its SPIFFE ID', { names: [{ type: 'url', value: SYNC }] }],
    ['its DNS name', { names: [{ type: 'dns', value: 'sync.test' }] }],
    ['its common name', { commonName: 'sync' }],
  ] as const)('a workload authenticates with %s', async (_what, wish) => {
    const outcome = await get(clientWith(await ca.issue(wish)));
    expect(outcome).toMatchObject({ response: { accessToken: 'an-access-token' } });
    expect(asked[0]?.caller.id).toBe('sync');
  });

  test('no certificate', async () => {
    expect(await refusalOf()).toMatch(/client certificate; this call has none/);
  });

  test('a certificate of an unknown authority that claims to be the administrator', async () => {
    const other = await TestCa.create('Test CA');
    expect(await refusalOf(await other.issueSpiffe(ADMIN))).toMatch(
      /authority is not one that the broker trusts/,
    );
  });

  test('a chain that brings its unknown authority along', async () => {
    const other = await TestCa.create('Evil CA');
    const pair = await other.issueSpiffe(ADMIN);
    const chain = { ...pair, certificate: `${pair.certificate}\n${other.certificate}` };
    expect(await refusalOf(chain)).toMatch(/authority is not one that the broker trusts/);
  });

  test('a certificate signed by a workload, which is no authority', async () => {
    const pair = await ca.issueSpiffe(SYNC);
    const other = await TestCa.create('Test CA');
    const forged = await other.issueSpiffe(ADMIN);
    await refusalOf({ ...forged, certificate: `${forged.certificate}\n${pair.certificate}` });
  });

  test('a forged signature in the name of the trusted authority', async () => {
    const other = await TestCa.create('Test CA');
    const outcome = await get(clientWith(await other.issueSpiffe(ADMIN, { withoutKeyId: true })));
    // OpenSSL itself ends the connection here: refused, if without a word.
    expect(outcome).toMatchObject({ failure: { code: expect.any(Number) as number } });
    expect(asked).toEqual([]);
  });

  test('an expired certificate', async () => {
    const past = { notBefore: new Date(Date.now() - 7_200_000), notAfter: new Date(Date.now() - 3_600_000) };
    expect(await refusalOf(await ca.issueSpiffe(SYNC, past))).toMatch(/has expired/);
  });

  test('a certificate that is not valid yet', async () => {
    const later = { notBefore: new Date(Date.now() + 3_600_000), notAfter: new Date(Date.now() + 7_200_000) };
    expect(await refusalOf(await ca.issueSpiffe(SYNC, later))).toMatch(/not valid yet/);
  });

  test("a server's certificate", async () => {
    expect(await refusalOf(await ca.issueSpiffe(SYNC, { usage: 'server' }))).toMatch(
      /not for client authentication/,
    );
  });

  test('a certificate that nobody has registered', async () => {
    const message = await refusalOf(await ca.issueSpiffe('spiffe://prod.test/other'));
    expect(message).toMatch(/No workload is registered for spiffe:\/\/prod\.test\/other/);
  });

  test('a certificate that ends while its connection lives', async () => {
    const client = clientWith(await ca.issueSpiffe(SYNC, { notAfter: new Date(Date.now() + 2_500) }));
    expect(await get(client)).toHaveProperty('response');
    await new Promise((resolve) => setTimeout(resolve, 3_600));
    expect(await get(client)).toMatchObject({ failure: { code: status.UNAUTHENTICATED } });
  }, 15_000);

  test('a workload that is deleted while its connection lives', async () => {
    const client = clientWith(await ca.issueSpiffe(SYNC));
    expect(await get(client)).toHaveProperty('response');
    const before = policy;
    policy = () => AccessPolicy.DENY_ALL;
    expect(await get(client)).toMatchObject({ failure: { code: status.UNAUTHENTICATED } });
    policy = before;
  });

  test('TLS sessions are not resumed, and TLS 1.2 is not spoken', async () => {
    const port = Number(address.split(':')[1]);
    const options = {
      host: 'localhost',
      port,
      servername: 'localhost',
      ca: ca.certificate,
      ALPNProtocols: ['h2'],
    };
    const first = connect(options);
    first.resume();
    const tickets: Buffer[] = [];
    first.on('session', (ticket) => tickets.push(ticket));
    await new Promise((resolve) => first.once('secureConnect', resolve));
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const session of tickets) {
      const second = connect({ ...options, session });
      await new Promise((resolve) => second.once('secureConnect', resolve));
      expect(second.isSessionReused()).toBe(false);
      second.destroy();
    }
    expect(first.getProtocol()).toBe('TLSv1.3');
    first.destroy();
    const old = connect({ ...options, maxVersion: 'TLSv1.2' });
    await expect(new Promise((_resolve, reject) => old.once('error', reject))).rejects.toThrow(/version/i);
  });
});
