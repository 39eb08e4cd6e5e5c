import { status } from '@grpc/grpc-js';
import type { BrokerConnection } from '#libs/client';
import { registerClient, registerExamples, EXAMPLES } from '../../apps/dev/src/examples.js';
import { connectUser, getConnection, getToken, refusalOf } from '../harness/broker-calls.js';
import { eventually, startTestStack, type TestStack } from '../harness/test-stack.js';

const CONNECTIONS = 12;
const SCOPES = ['openid', 'offline_access', 'sf/software_development'];

describe('PostgreSQL stopped and started again under load', () => {
  let test: TestStack;
  let admin: BrokerConnection;
  let workload: BrokerConnection;
  const name = (i: number): string => `clients/indicium-load/connections/user-${i}`;

  beforeAll(async () => {
    test = await startTestStack({ tokenTtlSeconds: 16 });
    admin = await test.stack.connect('admin');
    await registerExamples(test.stack, admin);
    await registerClient(test.stack, admin, 'indicium-load', 'indicium-web', SCOPES);
    workload = await test.stack.connect(EXAMPLES.workload);
    for (let i = 0; i < CONNECTIONS; i += 1) {
      await connectUser(admin, name(i), 'ada');
      await getToken(workload, name(i));
    }
  }, 120_000);

  afterAll(async () => {
    admin?.close();
    workload?.close();
    await test?.close();
  });

  it('P6, P3: the process survives, serves what it holds, catches up, and loses nothing', async () => {
    const postgres = test.stack.embeddedPostgres;
    if (!postgres) throw new Error('This test needs the embedded server.');
    // Answers are on their way when the database goes.
    await test.control('POST', 'faults', { kind: 'delay_after', delayMs: 700, times: -1 });
    await eventually('a rotation under way', async () => (await test.judgement()).presented > 0);
    await postgres.stop('immediate');

    const served = await Promise.all(
      Array.from({ length: CONNECTIONS }, (_, i) =>
        getToken(workload, name(i)).catch((error: unknown) => error),
      ),
    );
    expect(served.filter((one) => one instanceof Error)).toEqual([]);
    const unknown = await refusalOf(getToken(workload, 'clients/indicium-load/connections/never-held'));
    expect(unknown).toMatchObject({ code: status.UNAVAILABLE, reason: 'DATABASE_UNAVAILABLE' });
    const { webUrl, child } = test.stack.replicaAt(0);
    expect((await fetch(`${webUrl}/readyz`)).status).toBe(200);

    await postgres.start();
    await test.control('DELETE', 'faults');
    const generations = await eventually('every connection to be read again', async () => {
      try {
        return await Promise.all(
          Array.from(
            { length: CONNECTIONS },
            async (_, i) => (await getConnection(admin, name(i))).generation,
          ),
        );
      } catch {
        return undefined;
      }
    });
    await eventually(
      'every connection to be rotated again',
      async () => {
        const now = await Promise.all(
          Array.from({ length: CONNECTIONS }, (_, i) => getConnection(admin, name(i))),
        );
        return now.every(({ generation, state }, i) => state === 1 && generation > (generations[i] ?? 0n));
      },
      45_000,
    );
    expect(child.running).toBe(true);
    const judgement = await test.judgement();
    expect(judgement.presentedTwice).toEqual([]);
    expect(judgement.chainsKilled).toEqual([]);
  }, 120_000);
});
