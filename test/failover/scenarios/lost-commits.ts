import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from './scenario.js';

/** For how long the primary acknowledges what no standby gets. Less than `wal_receiver_timeout` (60 s). */
const UNREPLICATED_MS = 8_000;

/**
 * Asynchronous replication, and a primary that dies while its standbys are behind: commits that were
 * acknowledged are gone for sure. Only the brokers' spools still have the refresh tokens.
 */
export const lostCommits: Scenario = {
  name: 'lost-commits',
  title: `asynchronous: no WAL is sent for ${UNREPLICATED_MS / 1_000} s of rotations, then the primary is killed`,
  promotes: true,
  losesCommits: true,
  prepare: async ({ cluster }) => {
    await cluster.startProxy(true);
    // Patroni would not promote a standby that is known to be further behind than it may be.
    await cluster.configure({ synchronous_mode: false, maximum_lag_on_failover: 1_073_741_824 });
    await sleep(10_000);
  },
  strike: async (world, primary) => {
    const senders = primary.freezeWalSenders();
    if (senders === 0) throw new Error('The primary sends no WAL: there is nothing to hold back.');
    world.say(`  ${senders} WAL senders stopped; the primary goes on acknowledging commits`);
    await sleep(UNREPLICATED_MS);
    primary.kill();
    return performance.now();
  },
  recover: async (_world, primary) => {
    primary.start();
    return {};
  },
};
