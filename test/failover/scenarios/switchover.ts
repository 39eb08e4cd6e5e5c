import { performance } from 'node:perf_hooks';
import type { Scenario } from './scenario.js';

/** Planned: the primary hands over in good order. */
export const switchover: Scenario = {
  name: 'switchover',
  title: 'planned switchover to the synchronous standby',
  promotes: true,
  losesCommits: false,
  prepare: (world) => world.cluster.startProxy(true),
  strike: async (world) => {
    const asked = performance.now();
    await world.cluster.switchover();
    return asked;
  },
  recover: async () => ({}),
};
