import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { within } from './eventually.js';
import { figuresOf } from './figures.js';
import type { ScenarioFigures } from './measured.js';
import type { Scenario } from './scenarios/index.js';
import type { World } from './world.js';

const PROMOTED_WITHIN_MS = 120_000;
const RESUMED_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 50;

/** Watches, strikes, waits for the promotion and for every replica, brings the node back, and judges. */
export async function runScenario(world: World, scenario: Scenario): Promise<ScenarioFigures> {
  const { cluster, connections, say, options } = world;
  say(`\n${scenario.name}: ${scenario.title}`);
  await cluster.synchronous();
  await scenario.prepare(world);
  await connections.settled();
  const judgementBefore = await connections.judgement();

  const began = performance.now();
  say(`  watching for ${options.beforeSeconds} s`);
  await sleep(options.beforeSeconds * 1_000);
  const primary = await cluster.leader();
  const striking = performance.now();
  say(`  the fault strikes ${primary.name}`);
  const struck = await scenario.strike(world, primary);
  const promoted = scenario.promotes ? await promotion(world, primary.name, striking) : performance.now();
  const what = scenario.promotes ? 'another node was promoted' : 'the way was open again';
  if (promoted !== undefined) say(`  ${what} after ${seconds(promoted - struck)}`);
  const resumed = await resumption(world, promoted ?? performance.now());
  say(
    resumed === undefined
      ? '  rotations did not resume on every replica'
      : `  every replica rotates again, ${seconds(resumed - (promoted ?? struck))} after that`,
  );
  await sleep((options.beforeSeconds * 1_000) / 2);

  const seen = await scenario.recover(world, primary);
  await (scenario.losesCommits ? cluster.whole() : cluster.synchronous());
  say('  the cluster is whole again; waiting for every connection to rotate once more');
  const notSettled = await connections.settled();
  const ended = performance.now();
  return figuresOf(world, {
    scenario,
    oldPrimary: { name: primary.name, port: primary.address.postgresPort },
    moments: { began, striking, struck, promoted, resumed, ended },
    judgementBefore,
    judgementAfter: await connections.judgement(),
    notSettled,
    lostWrites: await world.writes.lost(began, ended),
    seen,
  });
}

async function promotion(world: World, old: string, after: number): Promise<number | undefined> {
  await within(PROMOTED_WITHIN_MS, () => world.nodes.promotion(old, after) !== undefined, LOOK_EVERY_MS);
  return world.nodes.promotion(old, after)?.at;
}

/** When the last of the replicas had committed its first rotation. */
async function resumption(world: World, after: number): Promise<number | undefined> {
  const commits = (): (number | undefined)[] =>
    world.replicas.map((replica) => world.log.firstCommit(replica, after));
  await within(RESUMED_WITHIN_MS, () => !commits().includes(undefined), LOOK_EVERY_MS);
  const found = commits();
  return found.includes(undefined) ? undefined : Math.max(...found.map(Number));
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
