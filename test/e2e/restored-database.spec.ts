import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { call, type BrokerConnection } from '#libs/client';
import { Connection_State } from '#proto/tokenbroker/v1/connection_service';
import {
  Installation_FreezeReason as FreezeReason,
  Replica_State as State,
  ThawInstallationRequest_Lineage as Lineage,
} from '#proto/tokenbroker/v1/fleet_service';
import { EXAMPLES, registerExamples } from '../../apps/dev/src/examples.js';
import { connectUser, getConnection, getToken, refusalOf, rotate } from '../harness/broker-calls.js';
import { eventually, startTestStack, type TestStack } from '../harness/test-stack.js';

const { userConnection: ADA } = EXAMPLES;

/** With owners and modes: PostgreSQL insists on them. */
function copy(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}

describe('P1: a database that is not what it was', () => {
  let test: TestStack;
  let admin: BrokerConnection;
  let workload: BrokerConnection;

  beforeAll(async () => {
    test = await startTestStack({ replicas: 2 });
    admin = await test.stack.connect('admin');
    workload = await test.stack.connect(EXAMPLES.workload);
    await registerExamples(test.stack, admin);
    await connectUser(admin, ADA, 'ada');
  }, 120_000);

  afterAll(async () => {
    admin?.close();
    workload?.close();
    await test?.close();
  });

  const replicas = async (): Promise<Map<string, State>> => {
    const answer = await call(admin.fleet.listReplicas.bind(admin.fleet), {});
    return new Map(answer.replicas.map(({ displayName, state }) => [displayName, state]));
  };
  const frozenFor = async (): Promise<FreezeReason | undefined> =>
    (await call(admin.fleet.getInstallation.bind(admin.fleet), {})).installation?.freezeReason;
  const presented = async (): Promise<number> => (await test.judgement()).presented;

  it('both replicas of a new installation live, the second one by the word of the first', async () => {
    await eventually('two live replicas', async () => {
      const states = await replicas();
      return states.size === 2 && [...states.values()].every((state) => state === State.LIVE);
    });
  });

  it('a backup that is restored under running replicas stops them, and what is held is served', async () => {
    const postgres = test.stack.embeddedPostgres!;
    const data = join(test.stack.settings.dataDir, 'postgres');
    const backup = join(test.dir, 'backup');
    await postgres.stop('fast');
    copy(data, backup);
    await postgres.start();
    for (let i = 0; i < 3; i += 1) {
      await eventually('a rotation', () => rotate(admin, ADA).catch(() => undefined));
    }
    const held = await getToken(workload, ADA);
    const before = await presented();
    await postgres.stop('fast');
    rmSync(data, { recursive: true });
    copy(backup, data);
    await postgres.start();

    await eventually('the freeze', async () => {
      const reason = await frozenFor().catch(() => undefined);
      return reason === FreezeReason.DATABASE_WENT_BACK;
    });
    expect(await refusalOf(rotate(admin, ADA))).toMatchObject({ reason: 'SPENDING_STOPPED' });
    expect((await getToken(workload, ADA)).accessToken).toBe(held.accessToken);
    expect(await presented()).toBe(before);
  });

  it('nor does a replica that starts on it spend anything', async () => {
    const before = await presented();
    expect(await test.stack.replicaAt(1).child.stop()).toBe(0);
    await test.stack.startReplica(1);
    const second = await test.stack.connect('admin', 1);
    expect(await refusalOf(rotate(second, ADA))).toMatchObject({ reason: 'SPENDING_STOPPED' });
    second.close();
    expect(await presented()).toBe(before);
  });

  it('an operator has to say what its tokens are, and then each is in doubt', async () => {
    const thaw = admin.fleet.thawInstallation.bind(admin.fleet);
    expect(await refusalOf(call(thaw, { lineage: Lineage.UNSPECIFIED }))).toMatchObject({
      reason: 'INVALID_REQUEST',
    });
    await call(thaw, { lineage: Lineage.OUTDATED });
    await eventually('spending to go on', async () => (await frozenFor()) === FreezeReason.UNSPECIFIED);
    const ada = await getConnection(admin, ADA);
    expect(ada.state).toBe(Connection_State.IN_DOUBT);
    expect(ada.lastError).toContain('database_outdated');
    await connectUser(admin, ADA, 'ada');
    await eventually('a rotation', () => rotate(admin, ADA).catch(() => undefined));
    expect(await frozenFor()).toBe(FreezeReason.UNSPECIFIED);
    expect((await test.judgement()).doubleSpends).toEqual([]);
  });

  it('a replica that comes with an empty spool, and meets nobody, waits for an operator', async () => {
    for (const index of [0, 1]) {
      test.stack.replicaAt(index).child.process.kill('SIGKILL');
      await test.stack.replicaAt(index).child.exited;
    }
    const before = await presented();
    rmSync(join(test.stack.settings.dataDir, 'spool', 'broker-1'), { recursive: true });
    await test.stack.startReplica(0);
    expect(await refusalOf(rotate(admin, ADA))).toMatchObject({ reason: 'SPENDING_STOPPED' });
    const { replicas: all } = await call(admin.fleet.listReplicas.bind(admin.fleet), {});
    const pending = all.find(({ state }) => state === State.PENDING);
    expect(pending?.trouble).toContain('vouch');
    expect(await presented()).toBe(before);
    await call(admin.fleet.admitReplica.bind(admin.fleet), { name: pending?.name ?? '' });
    await eventually('a rotation', () => rotate(admin, ADA).catch(() => undefined));
    expect((await test.judgement()).doubleSpends).toEqual([]);
  });

  it('a replica that is silent can be declared lost, and one that lives cannot', async () => {
    const { replicas: all } = await call(admin.fleet.listReplicas.bind(admin.fleet), {});
    const declare = admin.fleet.declareReplicaLost.bind(admin.fleet);
    const live = all.find(({ state }) => state === State.LIVE);
    expect(await refusalOf(call(declare, { name: live?.name ?? '' }))).toMatchObject({
      reason: 'STATE_CONFLICT',
    });
    await eventually(
      'broker-2 to fall silent',
      async () => (await replicas()).get('broker-2') === State.SILENT,
    );
    const { replicas: later } = await call(admin.fleet.listReplicas.bind(admin.fleet), {});
    const silent = later.find(({ displayName }) => displayName === 'broker-2');
    const { replica } = await call(declare, { name: silent?.name ?? '' });
    expect(replica).toMatchObject({ state: State.LOST, lostBy: 'administrator' });
  });
});
