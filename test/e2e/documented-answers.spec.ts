import { status } from '@grpc/grpc-js';
import { call, connectBroker, type BrokerConnection } from '#libs/client';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAs } from '../../apps/dev-as/src/index.js';
import { createUnknownCa } from '../../apps/dev/src/development-pki.js';
import { EXAMPLES, registerExamples } from '../../apps/dev/src/examples.js';
import { whoami } from '../../apps/dev/src/demo-checks.js';
import { connectUser, getConnection, getToken, refusalOf, rotate } from '../harness/broker-calls.js';
import { eventually, startTestStack, type TestStack } from '../harness/test-stack.js';

const { userConnection: ADA, serviceAccount: SERVICE } = EXAMPLES;

describe('each caller gets the documented answer', () => {
  let test: TestStack;
  let admin: BrokerConnection;
  let workload: BrokerConnection;

  beforeAll(async () => {
    test = await startTestStack();
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

  it('a user who connected once: the token acts as that user', async () => {
    const token = await getToken(workload, ADA);
    expect(token).toMatchObject({ tokenType: 'Bearer', generation: 1n });
    expect(await whoami(test.stack.issuer, token.accessToken)).toEqual({ status: 200, sub: 'ada' });
  });

  it('a service account: the token acts as the user that the client is linked to', async () => {
    const token = await getToken(workload, SERVICE);
    expect(await whoami(test.stack.issuer, token.accessToken)).toEqual({ status: 200, sub: 'svc-invoice' });
  });

  it('fewer scopes: a token with just these, of the same lineage', async () => {
    const token = await getToken(workload, ADA, { scopes: ['sf/software_development'] });
    expect(token.scopes).toEqual(['sf/software_development']);
    expect((await getConnection(admin, ADA)).generation).toBe(token.generation);
    const refusal = await refusalOf(getToken(workload, ADA, { scopes: ['sf/finance'] }));
    expect(refusal).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'SCOPE_NOT_GRANTED' });
  });

  it('P8: no certificate, an unknown one, an expired one, an unregistered one: UNAUTHENTICATED', async () => {
    const { pki, replicas } = test.stack;
    const address = replicas[0]?.grpcAddress ?? '';
    const identity = { name: 'x', commonName: 'admin', spiffeId: 'spiffe://token-broker.dev/admin' };
    const stranger = await (await createUnknownCa()).issueClient(identity);
    const expired = await pki.issueExpiredClient(identity);
    const files = (name: string, pair: { certificate: string; privateKey: string }) => {
      const certFile = join(test.dir, `${name}.crt`);
      const keyFile = join(test.dir, `${name}.key`);
      writeFileSync(certFile, pair.certificate);
      writeFileSync(keyFile, pair.privateKey, { mode: 0o600 });
      return { certFile, keyFile };
    };
    const callers = [{}, files('stranger', stranger), files('expired', expired)];
    for (const caller of callers) {
      const broker = connectBroker({ address, caFile: pki.caCertificateFile, ...caller });
      const refusal = await refusalOf(getToken(broker, ADA, { deadlineMs: 5_000 }));
      expect(refusal).toMatchObject({ code: status.UNAUTHENTICATED });
      broker.close();
    }
    const nobody = await test.stack.connect('nobody-registered-this-one');
    expect((await refusalOf(getToken(nobody, ADA))).code).toBe(status.UNAUTHENTICATED);
    nobody.close();
  });

  it('P8: the same answer for a forbidden connection and one that does not exist', async () => {
    await call(admin.access.createWorkload.bind(admin.access), {
      workloadId: 'other',
      workload: {
        name: '',
        identities: ['spiffe://token-broker.dev/workload/other'],
        roles: [],
        createTime: undefined,
      },
    });
    const other = await test.stack.connect('other');
    const forbidden = await refusalOf(getToken(other, ADA));
    const missing = await refusalOf(getToken(other, 'clients/indicium/connections/nobody'));
    expect(forbidden).toMatchObject({ code: status.PERMISSION_DENIED, reason: 'ACCESS_DENIED' });
    expect(missing).toMatchObject({
      code: forbidden.code,
      reason: forbidden.reason,
      message: forbidden.message,
    });
    other.close();
    const unknown = await refusalOf(getToken(workload, 'clients/indicium/connections/nobody'));
    expect(unknown).toMatchObject({ code: status.PERMISSION_DENIED });
    const forAdmin = await refusalOf(getToken(admin, 'clients/indicium/connections/nobody'));
    expect(forAdmin).toMatchObject({ code: status.NOT_FOUND, reason: 'CONNECTION_NOT_FOUND' });
  });

  it('min_ttl beyond the token’s life: MIN_TTL_UNSATISFIABLE, and nothing is spent', async () => {
    const before = await getConnection(admin, ADA);
    const refusal = await refusalOf(getToken(workload, ADA, { minTtlSeconds: 7_200 }));
    expect(refusal).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'MIN_TTL_UNSATISFIABLE' });
    expect(Number(refusal.metadata['longest_ttl_seconds'])).toBeGreaterThan(3_500);
    expect((await getConnection(admin, ADA)).generation).toBe(before.generation);
  });

  it('malformed names and durations: INVALID_ARGUMENT with what to do', async () => {
    const badName = await refusalOf(getToken(workload, 'clients//connections/../x'));
    expect(badName).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(badName.message).toContain('clients/{client}/connections/{connection}');
    const negative = await refusalOf(getToken(workload, ADA, { minTtlSeconds: -5 }));
    expect(negative.code).toBe(status.INVALID_ARGUMENT);
  });

  it('P6: the authorization server down: the held token is served, a longer one is refused with when to retry', async () => {
    const held = await getToken(workload, ADA);
    await test.stack.stopDevAs();
    expect((await getToken(workload, ADA)).accessToken).toBe(held.accessToken);
    const refusal = await refusalOf(rotate(admin, ADA));
    expect(refusal).toMatchObject({ code: status.UNAVAILABLE, reason: 'AUTHORIZATION_SERVER_DOWN' });
    expect(refusal.retryAfterMs).toBeGreaterThan(0);
    await test.stack.startDevAs();
    const before = await getConnection(admin, ADA);
    expect(before.state).toBe(1);
    await eventually('a rotation after the outage', async () => {
      const after = await rotate(admin, ADA).catch(() => undefined);
      return after && after.generation > before.generation;
    });
  });

  it('an operator pauses and resumes', async () => {
    await call(admin.connections.pauseConnection.bind(admin.connections), { name: SERVICE });
    const refusal = await eventually('the pause to be known', () =>
      refusalOf(getToken(workload, SERVICE)).catch(() => undefined),
    );
    expect(refusal).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'CONNECTION_PAUSED' });
    await call(admin.connections.resumeConnection.bind(admin.connections), { name: SERVICE });
    expect((await getToken(workload, SERVICE)).accessToken).not.toBe('');
  });

  it('P7: the grant revoked at the server: REAUTHORIZATION_REQUIRED, and its link connects again', async () => {
    await test.control('POST', 'revoke-grants', { subject: 'ada' });
    const ended = await refusalOf(rotate(admin, ADA));
    expect(ended).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'REAUTHORIZATION_REQUIRED' });
    const refusal = await eventually('the denial to be known', () =>
      refusalOf(getToken(workload, ADA)).catch(() => undefined),
    );
    expect(refusal).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'REAUTHORIZATION_REQUIRED' });
    const link = refusal.metadata['reconnect_uri'] ?? '';
    expect(link).toContain('/connect/');

    const wrongUser = await connectAs(link, { login: 'grace' });
    expect(wrongUser.status).toBe(403);
    expect(wrongUser.body).toContain('somebody else');

    expect((await connectAs(link, { login: 'ada' })).body).toContain('Connected');
    const token = await getToken(workload, ADA);
    expect(await whoami(test.stack.issuer, token.accessToken)).toEqual({ status: 200, sub: 'ada' });
    expect((await fetch(link)).status).toBe(400);
  });

  it('P1: in all of this, no refresh token was presented twice', async () => {
    const judgement = await test.judgement();
    expect(judgement.presented).toBeGreaterThan(2);
    expect(judgement.presentedTwice).toEqual([]);
  });
});
