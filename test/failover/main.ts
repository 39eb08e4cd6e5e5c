import { rmSync } from 'node:fs';
import { temporaryDirectory } from '../../apps/dev/src/settings.js';
import { findPrograms, MissingPackagesError } from './cluster/programs.js';
import type { ScenarioFigures } from './measured.js';
import { readOptions, USAGE, UsageError, type FailoverOptions } from './options.js';
import { endProcessesBelow } from './processes.js';
import { reportScenario } from './report.js';
import { runScenario } from './run-scenario.js';
import { SCENARIOS } from './scenarios/index.js';
import { startWatchdog } from './watchdog.js';
import { World } from './world.js';

/** What a run exits with. */
const KEPT = 0;
const BROKEN = 1;
const CANNOT_RUN = 2;
const INTERRUPTED = 130;

/**
 * `npm run failover`: brokers under load on a real cluster (Patroni, etcd, PostgreSQL, HAProxy) whose primary
 * dies in several ways. The last line of standard output is one JSON object. See docs/failover.md.
 */
async function main(args: readonly string[]): Promise<number> {
  const names = SCENARIOS.map(({ name }) => name);
  if (args.includes('--help')) {
    console.log(USAGE(names));
    return KEPT;
  }
  const options = readOptions(args, names);
  const programs = findPrograms();
  const runDir = temporaryDirectory('failover');
  const dismiss = startWatchdog(runDir, options.keep);
  const say = (text: string): void => console.log(text);
  const world = new World(options, say);
  let figures: ScenarioFigures[];
  try {
    const interrupted = stopSignal();
    const run = (async () => {
      await world.build(runDir, programs);
      return runAll(world, options);
    })();
    const outcome = await Promise.race([run, interrupted]);
    // What is being built goes on until the process ends: the watchdog ends it then.
    if (outcome === 'interrupted') return INTERRUPTED;
    figures = outcome;
  } finally {
    await end(world, runDir, options);
  }
  dismiss();
  const broken = figures.filter(({ verdict }) => verdict === 'broken').map(({ scenario }) => scenario);
  say(JSON.stringify({ scenarios: figures, broken }));
  return broken.length === 0 ? KEPT : BROKEN;
}

async function runAll(world: World, options: FailoverOptions): Promise<ScenarioFigures[]> {
  const wanted =
    options.scenarios.length > 0
      ? SCENARIOS.filter(({ name }) => options.scenarios.includes(name))
      : SCENARIOS.filter(({ losesCommits }) => !losesCommits);
  const all: ScenarioFigures[] = [];
  for (const scenario of wanted) {
    const figures = await runScenario(world, scenario);
    reportScenario(figures, world.say);
    all.push(figures);
  }
  return all;
}

/** The brokers first, so that they end in order; then everything in the directory, by process id. */
async function end(world: World, runDir: string, { keep }: FailoverOptions): Promise<void> {
  await world.stop();
  await endProcessesBelow(runDir);
  if (keep) world.say(`Kept: ${runDir}`);
  else rmSync(runDir, { recursive: true, force: true });
}

function stopSignal(): Promise<'interrupted'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => resolve('interrupted'));
    }
  });
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  const expected = error instanceof MissingPackagesError || error instanceof UsageError;
  console.error(expected ? error.message : error);
  process.exit(expected ? CANNOT_RUN : BROKEN);
}
