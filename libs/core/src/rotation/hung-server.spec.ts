import {
  FakeWorld,
  sampleClient,
  sampleWorkload,
  settle,
  timersRun,
  withFakeTimers,
  type FakeReplica,
} from '../../../../test/harness/fakes/index.js';
import { AccessPolicy } from '../access/access.js';
import type { AccessTokenAnswer } from '../handout/get-access-token.js';

withFakeTimers();
const JOB = sampleWorkload('job');
const HUNG = ['hung-1', 'hung-2', 'hung-3'];
let world: FakeWorld;
let replica: FakeReplica;

beforeEach(async () => {
  world = new FakeWorld();
  replica = world.replica();
  const rule = { id: 'r', workloadId: 'job', connectionPattern: 'clients/*/connections/*', createdAt: 0 };
  replica.policy = new AccessPolicy([JOB], [rule]);
  for (const id of [...HUNG, 'well']) world.clients.set(id, sampleClient({ id }));
  for (const id of HUNG) replica.endpoint.hung.add(id);
});

const addMany = async (clientId: string, count: number): Promise<void> => {
  for (let i = 0; i < count; i += 1) {
    const uid = `${clientId}-${i}`;
    await world.addConnection({ uid, clientId, connectionId: `u${i}` });
  }
};
const read = (clientId: string, connectionId: string, waitMs = 5_000): Promise<AccessTokenAnswer> => {
  const deadline = world.clock.monotonic() + waitMs;
  const request = { connection: { clientId, connectionId }, scopes: [], resource: '', deadline };
  return replica.handOut.get(JOB, request);
};
const timePasses = async (ms: number): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 250) {
    world.clock.advance(250);
    await timersRun(250);
  }
};
const generations = (clientId: string, count: number): number[] =>
  Array.from({ length: count }, (_, i) => world.connection(`${clientId}-${i}`).generation);

describe.each([1, 3])('P6: %d hung authorization servers', (hung) => {
  const names = HUNG.slice(0, hung);

  beforeEach(async () => {
    for (const name of names) await addMany(name, 50);
    await addMany('well', 20);
  });

  it('nor do their lanes keep the next tick from what falls due of others meanwhile', async () => {
    for (let i = 0; i < 20; i += 1) world.database.patch(`well-${i}`, { dueAt: world.clock.now() + 1_000 });
    const due = replica.due();
    expect((await due.begin()).length).toBe(hung);
    await timePasses(1_500);
    expect(generations('well', 20)).toEqual(Array.from({ length: 20 }, () => 1));
    // As the schedule does: it does not wait for the lanes.
    void (await due.begin());
    await timePasses(500);
    expect(generations('well', 20)).toEqual(Array.from({ length: 20 }, () => 2));
  });

  it('do not keep the scheduler from rotating what is of others', async () => {
    // Theirs are the longest overdue.
    for (const name of names) {
      for (let i = 0; i < 50; i += 1)
        world.database.patch(`${name}-${i}`, { dueAt: world.clock.now() - 60_000 });
    }
    void replica.due().tick();
    await settle();
    await timePasses(1_000);
    expect(generations('well', 20)).toEqual(Array.from({ length: 20 }, () => 2));
  });

  it('do not keep readers of others waiting, however many wait for them', async () => {
    void replica.due().tick();
    await settle();
    const stuck = names.flatMap((name) => Array.from({ length: 50 }, (_, i) => read(name, `u${i}`)));
    await settle();
    expect(await read('well', 'u19')).toMatchObject({ token: { generation: 2 } });
    await timePasses(6_000);
    // They are refused by their own deadline, with a reason.
    for (const answer of await Promise.all(stuck)) {
      expect(answer).toMatchObject({ refusal: { reason: 'WAIT_EXPIRED' } });
    }
  });
});

describe('P6: waiters never pile up', () => {
  it('beyond a bound for each OAuth client they are refused at once, and those of others are not', async () => {
    await addMany('hung-1', 1_200);
    await addMany('well', 1);
    const refused: string[] = [];
    const stuck = Array.from({ length: 1_200 }, (_, i) =>
      read('hung-1', `u${i}`).then((answer) => {
        if ('refusal' in answer) refused.push(answer.refusal.reason);
      }),
    );
    await settle();
    expect(refused.length).toBeGreaterThan(600);
    expect(new Set(refused)).toEqual(new Set(['TOO_MANY_WAITING']));
    expect(await read('well', 'u0')).toHaveProperty('token');
    await timePasses(6_000);
    await Promise.all(stuck);
  });

  it('somebody who still waits is not sent away by the shorter patience of another', async () => {
    await addMany('hung-1', 20);
    const patient = Array.from({ length: 20 }, (_, i) => read('hung-1', `u${i}`, 1_000));
    const later = Array.from({ length: 20 }, (_, i) => read('hung-1', `u${i}`, 4_000));
    await timePasses(1_000);
    for (const answer of await Promise.all(patient)) {
      expect(answer).toMatchObject({ refusal: { reason: 'WAIT_EXPIRED' } });
    }
    let done = 0;
    for (const waiting of later) void waiting.then(() => (done += 1));
    await timePasses(2_500);
    expect(done).toBe(0);
    await timePasses(1_000);
    expect(done).toBe(20);
  });

  it('a held token with life left is answered while its OAuth client has no room, and others learn why', async () => {
    world.database.patchClient('well', (client) => ({ ...client, maxConcurrent: 1 }));
    replica.endpoint.hung.add('well');
    await addMany('well', 3);
    await world.addAccessToken('well-1', 3_600_000);
    await read('well', 'u1');
    world.clock.advance(3_600_000 - 25_000);
    void read('well', 'u0');
    await settle();
    const [held, none] = [read('well', 'u1'), read('well', 'u2', 2_000)];
    await timePasses(2_250);
    expect(await held).toHaveProperty('token');
    expect(await none).toMatchObject({
      refusal: {
        reason: 'RATE_BUDGET',
        metadata: { client: 'clients/well', limit: 'concurrency' },
        retryAfterMs: expect.any(Number),
      },
    });
  });
});
