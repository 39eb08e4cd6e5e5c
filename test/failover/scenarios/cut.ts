import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from './scenario.js';

const CUT_MS = 8_000;

/** The way to the primary is cut and comes back: nobody is promoted. */
export const cut: Scenario = {
  name: 'cut',
  title: `the way from HAProxy to the primary cut for ${CUT_MS / 1_000} s, every connection closed`,
  promotes: false,
  losesCommits: false,
  prepare: (world) => world.cluster.startProxy(true),
  strike: async ({ cluster }, { name }) => {
    const struck = performance.now();
    await cluster.proxyCommand(`set server primary/${name} state maint`);
    await cluster.proxyCommand(`shutdown sessions server primary/${name}`);
    await sleep(CUT_MS);
    await cluster.proxyCommand(`set server primary/${name} state ready`);
    return struck;
  },
  recover: async () => ({}),
};
