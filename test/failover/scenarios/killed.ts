import { performance } from 'node:perf_hooks';
import type { Scenario } from './scenario.js';

/** The machine of the primary is gone. */
export const killed: Scenario = {
  name: 'killed',
  title: 'primary killed: SIGKILL to Patroni, the postmaster and all of its processes',
  promotes: true,
  losesCommits: false,
  prepare: (world) => world.cluster.startProxy(true),
  strike: async (_world, primary) => {
    primary.kill();
    return performance.now();
  },
  recover: async (_world, primary) => {
    primary.start();
    return {};
  },
};
