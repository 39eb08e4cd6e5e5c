import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../eventually.js';
import type { DatabaseNode } from '../cluster/node.js';
import type { World } from '../world.js';
import type { Scenario } from './scenario.js';

/** How long PostgreSQL runs on alone, as a primary that knows nothing of its successor. */
const UNFENCED_MS = 4_000;
const DEMOTED_WITHIN_MS = 60_000;

/**
 * Lets the old primary go on, PostgreSQL first: for some seconds there are two servers that take themselves
 * for the primary. The old one must not acknowledge a write to anybody, and Patroni must demote it.
 */
async function thawAndFence(world: World, old: DatabaseNode): Promise<Record<string, string>> {
  const thawedAt = performance.now();
  old.thaw('postgres');
  const direct = await world.writes.directly(old);
  await sleep(UNFENCED_MS);
  old.thaw('patroni');
  const demoted = await within(DEMOTED_WITHIN_MS, async () => {
    const rows = await world.cluster
      .query(world.cluster.adminUrl('postgres', old), 'SELECT pg_is_in_recovery() AS standby', 1_000)
      .catch(() => []);
    return rows[0]?.['standby'] === true;
  });
  const took = ((performance.now() - thawedAt) / 1_000).toFixed(1);
  const through = world.writes.count(thawedAt, performance.now(), old.address.postgresPort);
  return {
    'a write at the thawed primary, past HAProxy': broken(direct !== 'acknowledged', direct),
    'writes through HAProxy that it acknowledged': broken(through === 0, String(through)),
    'the old primary is a standby again': broken(
      demoted,
      demoted ? `${took} s after it was thawed` : 'never',
    ),
  };
}

function broken(holds: boolean, text: string): string {
  return holds ? text : `BROKEN: ${text}`;
}

const common = {
  promotes: true,
  losesCommits: false,
  strike: async (_world: World, primary: DatabaseNode) => {
    primary.freeze();
    return performance.now();
  },
  recover: thawAndFence,
};

/** The primary falls silent, and HAProxy closes its connections once its checks fail. */
export const frozen: Scenario = {
  ...common,
  name: 'frozen',
  title: 'primary silent: SIGSTOP to all of it; HAProxy closes its connections',
  prepare: (world) => world.cluster.startProxy(true),
};

/** The same, and nobody closes anything: what a broker sees behind a virtual address or a DNS name. */
export const silent: Scenario = {
  ...common,
  name: 'silent',
  title: 'primary silent: SIGSTOP to all of it; nobody closes its connections',
  prepare: (world) => world.cluster.startProxy(false),
};
