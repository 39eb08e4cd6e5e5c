import { setTimeout as delay } from 'node:timers/promises';
import { TokenBrokerError } from '#libs/client';
import { rotate } from '../harness/broker-calls.js';
import { machineMs } from './broker/tell.js';
import type { Fleet } from './fleet/fleet.js';
import type { Journal } from './fleet/journal.js';
import { CLIENTS, IDLE_IN_TRANSACTION_MS } from './fleet/timings.js';
import type { Revivals } from './inject/context.js';
import type { ConnectionEnd } from './verdict/records.js';

/** Longer than anything may take that was begun under a fault: the longest is a lock that nobody lets go. */
const SETTLE_MS = IDLE_IN_TRANSACTION_MS + 40_000;

/** A whole life of the longest token: what is due in it falls due, what is in doubt is probed. */
const REST_MS = Math.max(...CLIENTS.map(({ tokenTtlSeconds }) => tokenTtlSeconds * 1_000));

/** All faults are over: everything passes, everybody lives, and there is room on every disk. */
export async function liftEverything(fleet: Fleet, revivals: Revivals): Promise<void> {
  await fleet.server.clearFaults();
  for (const replica of fleet.replicas) {
    replica.continue();
    await replica.database.lift('reset');
    await replica.server.lift('reset');
  }
  await revivals.done();
  for (const replica of fleet.replicas) if (!replica.isServing) await revivals.begin(replica);
}

/** Waits until every connection has come to rest; what does not is remarked. */
export async function settle(fleet: Fleet, journal: Journal): Promise<void> {
  const end = machineMs() + SETTLE_MS;
  let quietSince = machineMs();
  for (;;) {
    await delay(300);
    const now = machineMs();
    const restless = (await fleet.audit.now()).filter(({ state }) => state !== 'ACTIVE');
    if (restless.length > 0) quietSince = now;
    if (now - quietSince > REST_MS) return;
    if (now < end) continue;
    for (const { connection, state } of restless) {
      journal.remark({ what: 'never_at_rest', connection, detail: `still ${state}` });
    }
    return;
  }
}

const ROTATIONS_AT_ONCE = 4;
const TRIES = 5;

/** The proof that nothing was lost: every active connection's refresh token is spent once more. */
export async function lastRotations(fleet: Fleet): Promise<ConnectionEnd[]> {
  const left = await fleet.audit.now();
  const ends: ConnectionEnd[] = [];
  const worker = async (): Promise<void> => {
    for (let one = left.shift(); one; one = left.shift()) ends.push(await lastRotation(fleet, one));
  };
  await Promise.all(Array.from({ length: ROTATIONS_AT_ONCE }, worker));
  return ends;
}

async function lastRotation(
  fleet: Fleet,
  { connection, state }: { readonly connection: string; readonly state: string },
): Promise<ConnectionEnd> {
  if (state !== 'ACTIVE') return { connection, state };
  let detail = '';
  for (let tries = 0; tries < TRIES; tries += 1) {
    const admin = fleet.replica(tries).callers?.admin;
    if (!admin) continue;
    try {
      await rotate(admin, connection);
      return { connection, state, lastRotation: 'granted' };
    } catch (error) {
      detail = error instanceof TokenBrokerError ? `${error.reason}: ${error.message}` : String(error);
      if (detail.startsWith('REAUTHORIZATION_REQUIRED')) {
        return { connection, state, lastRotation: 'refused', detail };
      }
      await delay(500);
    }
  }
  return { connection, state, lastRotation: 'failed', detail };
}
