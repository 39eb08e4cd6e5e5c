import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { FleetAdministration, STRICTEST } from '#libs/core';
import type { GrpcServer } from '#libs/grpc';
import { policyOf, refusingParts, startServer, workload } from '../../../test/harness/grpc-fixture.js';
import { CollectedEvents, FakeClock, FakeFleetStore } from '../../../test/harness/fakes/index.js';
import { TestCa } from '../../../test/harness/test-pki.js';
import { developmentFiles } from './development-certificates.js';
import { run } from './program.js';

const FIRST = '00000000-0000-4000-8000-000000000001';
const SECOND = '00000000-0000-4000-8000-000000000002';

describe('brokerctl replicas, brokerctl installation', () => {
  const fleet = new FakeFleetStore();
  let server: GrpcServer;
  let address: string;
  let cwd: string;

  beforeAll(async () => {
    const ca = await TestCa.create();
    cwd = mkdtempSync(join(tmpdir(), 'brokerctl-'));
    const pki = join(cwd, '.data/pki');
    mkdirSync(pki, { recursive: true });
    for (const name of ['admin', 'reader']) {
      const pair = await ca.issue({ commonName: name });
      const files = developmentFiles(pki, name);
      writeFileSync(files.ca, ca.certificate);
      writeFileSync(files.cert, pair.certificate);
      writeFileSync(files.key, pair.privateKey);
    }
    const clock = new FakeClock();
    fleet.database.now = clock.now();
    const profiles = { of: () => STRICTEST };
    const parts = {
      ...refusingParts(),
      clock,
      policy: policyOf([
        workload('admin', ['cn:admin'], ['ADMIN']),
        workload('reader', ['cn:reader'], ['READER']),
      ]),
      fleet: new FleetAdministration({
        store: fleet,
        events: new CollectedEvents(),
        clock,
        profiles,
        random: () => 0.5,
      }),
    };
    ({ server, address } = await startServer(ca, parts));
    await fleet.register({ name: 'broker-1', spoolId: FIRST, bootId: 'b1' });
    await fleet.register({ name: 'broker-2', spoolId: SECOND, bootId: 'b2' });
  });

  afterAll(async () => {
    await server?.close(500);
    rmSync(cwd, { recursive: true, force: true });
  });

  const call = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const code = await run(args, {
      env: { BROKERCTL_ADDRESS: address },
      cwd,
      stdin: new PassThrough(),
      stdout,
      stderr,
      now: () => fleet.database.now,
    });
    return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
  };

  it('lists replicas with what is wrong with each', async () => {
    await fleet.beat(
      { name: 'broker-1', spoolId: FIRST, bootId: 'b1' },
      'The spool cannot be written (ENOSPC).',
    );
    const { code, out } = await call('replicas', 'list');
    expect(code).toBe(0);
    expect(out).toMatch(/REPLICA +STATE +LAST SEEN/);
    expect(out).toMatch(/broker-1 +LIVE .*replicas\/00000000-0000-4000-8000-000000000001 .*ENOSPC/);
    expect(out).toMatch(/broker-2 +PENDING/);
  });

  it('admits by the name that people know, and by the resource name', async () => {
    expect((await call('replicas', 'admit', 'broker-2')).out).toMatch(/broker-2 +LIVE/);
    expect((await call('replicas', 'admit', `replicas/${SECOND}`)).code).toBe(0);
    expect(await call('replicas', 'admit', 'broker-9')).toMatchObject({
      code: 2,
      err: expect.stringContaining('no replica "broker-9"'),
    });
  });

  it('declares lost what is silent, and refuses what lives', async () => {
    const refused = await call('replicas', 'declare-lost', 'broker-2');
    expect(refused.code).not.toBe(0);
    expect(refused.err).toMatch(/STATE_CONFLICT.*Stop it first/s);
    fleet.find(SECOND)!.lastSeenAt -= 60_000;
    expect((await call('replicas', 'declare-lost', 'broker-2')).out).toMatch(/LOST .*declared lost by admin/);
  });

  it('freezes with a reason and thaws; readers may look only', async () => {
    expect((await call('--as', 'reader', 'installation', 'freeze', '--reason', 'x')).err).toContain(
      'ACCESS_DENIED',
    );
    expect((await call('installation', 'freeze')).code).not.toBe(0);
    const frozen = await call('installation', 'freeze', '--reason', 'the server is confused');
    expect(frozen.out).toMatch(/spending +FROZEN[\s\S]*reason +OPERATOR[\s\S]*the server is confused/);
    expect((await call('--as', 'reader', 'installation', 'get')).out).toContain('FROZEN');
    expect((await call('installation', 'thaw')).out).toMatch(/spending +goes on/);
    expect((await call('installation', 'thaw')).err).toContain('Nothing is frozen');
  });

  it('asks what the tokens of a restored database are', async () => {
    await fleet.freeze({ reason: 'DATABASE_WENT_BACK', detail: 'it lacks attempts', by: 'broker-1' }, 9);
    expect((await call('installation', 'thaw')).err).toMatch(/INVALID_REQUEST.*outdated/s);
    expect((await call('installation', 'thaw', '--tokens', 'perhaps')).code).not.toBe(0);
    expect((await call('installation', 'thaw', '--tokens', 'outdated')).code).toBe(0);
    expect(fleet.lineages.at(-1)).toBe('OUTDATED');
    const json = await call('--output', 'json', 'installation', 'get');
    expect(JSON.parse(json.out)).toMatchObject({ thawed_by: 'admin', freeze_reason: 'UNSPECIFIED' });
  });
});
