import { performance } from 'node:perf_hooks';
import { PostgresRotationStore, type Database } from '#libs/postgres';
import { addConnections, BenchServer, CLIENT, SPENDER } from './bench-database.js';

/**
 * What one claim costs at 1,000,000 connections, against 10,000 in the same run. The bar is 1.5 (design brief, 7).
 * A claim is the whole of step 1, committed to the disk: the lock of the budget, its facts, eight connections.
 * Between two claims, which is not measured, the claimed ones are rotated and as many others fall due, so that
 * the indexes have the dead entries that they have in production.
 */
const SMALL = 10_000;
const LARGE = Number(process.env['BENCH_CONNECTIONS'] ?? 1_000_000);
const LIMIT = 8;
const WARM_UP = 50;
const ROUNDS = 6;
const CLAIMS = 60;
const BAR = 1.5;

/** How many are due, and what falls due while others are rotated. */
interface Scenario {
  readonly name: string;
  readonly due: string;
  readonly expires: string;
  /** SQL for rows that take the place of those that were rotated. */
  readonly next: string;
}

const SOME = `(SELECT uid FROM token_broker.connection TABLESAMPLE SYSTEM (1) WHERE attempt_id IS NULL LIMIT $1)`;

const NOT_DUE = 'n % 2 = 0';

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'steady: 1 % due',
    due: `now() + (random() * 0.99 - 0.0099) * interval '30 minutes'`,
    expires: `due + interval '30 minutes' + random() * interval '6 minutes'`,
    next: `UPDATE token_broker.connection SET due_at = now(), expires_at = now() + interval '30 minutes' + random() * interval '6 minutes'
           WHERE uid IN ${SOME}`,
  },
  {
    name: 'backlog: all due',
    due: `now() - random() * interval '30 minutes'`,
    expires: `now() + (random() - 0.5) * interval '30 minutes'`,
    next: `UPDATE token_broker.connection SET due_at = now() WHERE uid IN ${SOME}`,
  },
  {
    name: 'backlog behind as many that expire sooner and are not due',
    due: `CASE WHEN ${NOT_DUE} THEN now() + interval '1 hour' ELSE now() - random() * interval '30 minutes' END`,
    expires: `now() + (random() + CASE WHEN ${NOT_DUE} THEN 0 ELSE 1 END) * interval '30 minutes'`,
    next: `UPDATE token_broker.connection SET due_at = now() WHERE uid IN ${SOME}`,
  },
];

interface Subject {
  readonly database: Database;
  readonly store: PostgresRotationStore;
  readonly scenario: Scenario;
  readonly milliseconds: number[];
}

async function main(): Promise<void> {
  const server = await BenchServer.start();
  try {
    for (const [i, scenario] of SCENARIOS.entries()) {
      const small = await subject(server, scenario, `small${i}`, SMALL);
      const large = await subject(server, scenario, `large${i}`, LARGE);
      for (const one of [small, large]) await run(one, WARM_UP);
      for (const one of [small, large]) one.milliseconds.length = 0;
      // In turn, so that a machine that grows slower is slower for both.
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const one of [small, large]) await run(one, CLAIMS);
      }
      report(scenario, small, large);
      for (const { database } of [small, large]) await database.close();
    }
  } finally {
    await server.stop();
  }
}

async function subject(
  server: BenchServer,
  scenario: Scenario,
  name: string,
  count: number,
): Promise<Subject> {
  // The budget is not the matter here: it is to let everything through.
  const database = await server.database(name, { ratePerSecond: 10_000, maxConcurrent: 10_000 });
  await addConnections(database, count, scenario);
  await database.main.query('CHECKPOINT');
  const store = new PostgresRotationStore(database, () => performance.now());
  return { database, store, scenario, milliseconds: [] };
}

async function run({ database, store, scenario, milliseconds }: Subject, claims: number): Promise<void> {
  for (let i = 0; i < claims; i += 1) {
    const begun = performance.now();
    const batch = await store.claimDue({
      ...SPENDER,
      clientId: CLIENT,
      limit: LIMIT,
    });
    milliseconds.push(performance.now() - begun);
    if (batch.claims.length < LIMIT) throw new Error(`Only ${batch.claims.length} of ${LIMIT} were claimed.`);
    const uids = batch.claims.map(({ connection }) => connection.uid);
    await database.main.query(
      `UPDATE token_broker.connection SET attempt_id = NULL, generation = generation + 1,
         due_at = now() + interval '30 minutes', expires_at = now() + interval '1 hour' WHERE uid = ANY ($1)`,
      [uids],
    );
    await database.main.query(scenario.next, [uids.length]);
  }
}

function report({ name }: Scenario, small: Subject, large: Subject): void {
  const median = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
  const [reference, measured] = [median(small.milliseconds), median(large.milliseconds)];
  console.log(`claim of ${LIMIT}, ${name}`);
  console.log(`  at ${SMALL.toLocaleString('en')} connections     ${reference.toFixed(2)} ms`);
  console.log(`  at ${LARGE.toLocaleString('en')} connections  ${measured.toFixed(2)} ms`);
  console.log(`  ratio                      ${(measured / reference).toFixed(2)} (the bar is ${BAR})`);
}

await main();
