import type { BrokerConnection } from '#libs/client';
import { EXAMPLES, registerExamples } from '../../apps/dev/src/examples.js';
import { Connection_State } from '#proto/tokenbroker/v1/connection_service';
import { connectUser, getConnection, getToken, rotate } from '../harness/broker-calls.js';
import { eventually, startTestStack, type TestStack } from '../harness/test-stack.js';

const { userConnection: ADA } = EXAMPLES;

describe('a replica that is killed', () => {
  let test: TestStack;
  let admin: BrokerConnection;

  beforeAll(async () => {
    test = await startTestStack();
    admin = await test.stack.connect('admin');
    await registerExamples(test.stack, admin);
    await connectUser(admin, ADA, 'ada');
  });

  afterAll(async () => {
    admin?.close();
    await test?.close();
  });

  const kill = async (): Promise<void> => {
    const { child } = test.stack.replicaAt(0);
    child.process.kill('SIGKILL');
    await child.exited;
  };

  /** Presentations at the server, refresh tokens only. */
  const presented = async (): Promise<number> => (await test.judgement()).presented;

  it('P3: with an answer in hand and no database: the answer is saved at the next start', async () => {
    const postgres = test.stack.embeddedPostgres!;
    const before = await getConnection(admin, ADA);
    const times = await presented();
    await test.control('POST', 'faults', { kind: 'delay_after', delayMs: 1_500 });
    void rotate(admin, ADA).catch(() => undefined);
    await eventually('the token to be sent', async () => (await presented()) > times);
    await postgres.stop('immediate');
    await eventually('the answer', async () =>
      test.brokerLines.some(
        ({ json }) => json?.['event'] === 'rotation.succeeded' && json['saved'] === false,
      ),
    );
    await kill();
    await postgres.start();
    await test.stack.startReplica(0);

    const after = await getConnection(admin, ADA);
    expect(after).toMatchObject({ state: Connection_State.ACTIVE, generation: before.generation + 1n });
    expect((await rotate(admin, ADA)).generation).toBe(before.generation + 2n);
    const judgement = await test.judgement();
    expect(judgement.presentedTwice).toEqual([]);
    expect(judgement.chainsKilled).toEqual([]);
  });

  it('P4: between sending and the answer: in doubt at once, and the current token is still served', async () => {
    const workload = await test.stack.connect(EXAMPLES.workload);
    const token = await getToken(workload, ADA);
    const times = await presented();
    await test.control('POST', 'faults', { kind: 'delay_after', delayMs: 3_000 });
    void rotate(admin, ADA).catch(() => undefined);
    await eventually('the token to be sent', async () => (await presented()) > times);
    await kill();
    await test.stack.startReplica(0);
    const after = await getConnection(admin, ADA);
    expect(after).toMatchObject({ state: Connection_State.IN_DOUBT });
    expect(after.lastError).toContain('replica_ended');
    expect((await getToken(workload, ADA)).accessToken).toBe(token.accessToken);
    expect((await test.judgement()).presentedTwice).toEqual([]);
    workload.close();
  });
});
