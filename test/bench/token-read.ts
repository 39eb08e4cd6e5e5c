import { readFileSync, rmSync } from 'node:fs';
import { Child } from '../../apps/dev/src/child.js';
import { EXAMPLES, registerExamples } from '../../apps/dev/src/examples.js';
import { isolatedSettings, temporaryDirectory } from '../../apps/dev/src/settings.js';
import { DevelopmentStack } from '../../apps/dev/src/stack.js';
import { call, connectBroker, type BrokerConnection } from '#libs/client';

/**
 * `npm run bench`: the server's CPU for each `GetAccessToken` (cached, authenticated, authorized, measured),
 * against a bare grpc-js server with the same message in the same run. The bar is 1.25 (design brief, 7).
 */
const WARM_UP = 10_000;
const CALLS = 20_000;
const ROUNDS = 5;
const IN_FLIGHT = 50;
/** Ticks of `/proc/<pid>/stat` (proc(5)): USER_HZ is 100 on Linux. */
const TICK_MS = 10;

interface Subject {
  readonly name: string;
  readonly pid: number;
  readonly broker: BrokerConnection;
  readonly microseconds: number[];
}

async function main(): Promise<void> {
  const dir = temporaryDirectory('bench');
  const stack = await DevelopmentStack.start(await isolatedSettings(dir), { step: () => undefined });
  try {
    const admin = await stack.connect('admin');
    await registerExamples(stack, admin);
    admin.close();
    const ours = await stack.connect(EXAMPLES.workload);
    const token = await read(ours);
    const reference = await startReference(stack, token.accessToken.length);
    const subjects: Subject[] = [
      { name: 'bare grpc-js', pid: reference.child.pid, broker: reference.broker, microseconds: [] },
      { name: 'the broker', pid: stack.replicaAt(0).child.pid, broker: ours, microseconds: [] },
    ];
    for (const { broker } of subjects) await load(broker, WARM_UP);
    // In turn, so that a machine that grows slower is slower for both.
    for (let round = 0; round < ROUNDS; round += 1) for (const subject of subjects) await measure(subject);
    report(subjects);
    for (const { broker } of subjects) broker.close();
    await reference.child.stop();
  } finally {
    await stack.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function startReference(
  stack: DevelopmentStack,
  tokenLength: number,
): Promise<{ child: Child; broker: BrokerConnection }> {
  const { caCertificateFile, server } = stack.pki;
  const child = new Child({
    name: 'the reference',
    entry: 'test/bench/reference-server.js',
    args: [caCertificateFile, server.certificateFile, server.privateKeyFile, String(tokenLength)],
    env: {},
  });
  const ready = await child.waitFor(({ json }) => json?.['event'] === 'reference.listening');
  const files = await stack.certificateOf(EXAMPLES.workload);
  const broker = connectBroker({
    address: `localhost:${Number(ready.json?.['port'])}`,
    caFile: caCertificateFile,
    certFile: files.certificateFile,
    keyFile: files.privateKeyFile,
  });
  return { child, broker };
}

async function measure({ pid, broker, microseconds }: Subject): Promise<void> {
  const before = cpuMs(pid);
  await load(broker, CALLS);
  microseconds.push(((cpuMs(pid) - before) * 1_000) / CALLS);
}

async function load(broker: BrokerConnection, calls: number): Promise<void> {
  let left = calls;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await read(broker);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

function read(broker: BrokerConnection): Promise<{ accessToken: string }> {
  const request = { connection: EXAMPLES.serviceAccount, minTtl: undefined, scopes: [], resource: '' };
  return call(broker.tokens.getAccessToken.bind(broker.tokens), request);
}

/** User and system time of a process (fields 14 and 15 of `stat`). */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function report(subjects: readonly Subject[]): void {
  const median = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
  for (const { name, microseconds } of subjects) {
    const all = microseconds.map((value) => value.toFixed(1)).join(' ');
    console.log(
      `${name.padEnd(14)} ${median(microseconds).toFixed(1).padStart(7)} µs of CPU a call (${all})`,
    );
  }
  const [reference, ours] = subjects.map(({ microseconds }) => median(microseconds));
  console.log(`ratio          ${((ours ?? 0) / (reference ?? 1)).toFixed(2).padStart(7)} (the bar is 1.25)`);
}

await main();
