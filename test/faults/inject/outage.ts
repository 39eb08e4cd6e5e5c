import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { machineMs } from '../broker/tell.js';
import type { ReplicaUnderTest } from '../fleet/replica.js';
import { TIMINGS } from '../fleet/timings.js';
import type { PlannedFault } from '../plan/plan.js';
import type { FaultProxy, Healing, Mode } from '../proxy/fault-proxy.js';
import { between, freeReplica, reached, type Context } from './context.js';

type Outage = Exclude<Mode, 'pass'>;

/** Something is away for a while: for one replica, or for all of them. */
export async function outage(context: Context, fault: PlannedFault): Promise<boolean> {
  const { fleet } = context;
  const { kind, length, healing } = fault;
  const short = between(300, 2_500, length);
  switch (kind) {
    case 'server_unreachable':
      return pathsAway(context, fault, fleet.replicas, short);
    case 'server_killed':
      return serverKilled(context, short);
    case 'postgres_killed':
      return postgresKilled(context, between(100, 1_500, length));
    case 'everything_away':
      return everythingAway(context, short);
    default:
      break;
  }
  const replica = freeReplica(context, fault.replica);
  if (!replica) return false;
  const { database } = replica;
  // Long enough, sometimes, for a take-over, the probe, and a user who connects again.
  const long = between(500, TIMINGS.attemptDeadlineMs + 5_000, length);
  switch (kind) {
    case 'database_cut':
      return databaseCut(context, replica);
    case 'database_refused':
      database.cutAll();
      return away(context, fault, replica, database, 'refuse', short, healing);
    case 'database_silent':
      return away(context, fault, replica, database, 'silent', long, healing);
    case 'database_dropped':
      return away(context, fault, replica, database, 'silent_dropped', Math.max(long, 6_000), 'reset');
    case 'cut_off_with_answer':
      return cutOffWithAnswer(
        context,
        fault,
        replica,
        TIMINGS.attemptDeadlineMs + between(3_000, 6_000, length),
      );
    case 'path_refused':
      return pathsAway(context, fault, [replica], short);
    case 'path_silent':
      return away(context, fault, replica, replica.server, 'silent', short, healing);
    default:
      throw new Error(`${kind} is no outage`);
  }
}

async function databaseCut({ journal }: Context, replica: ReplicaUnderTest): Promise<boolean> {
  const at = machineMs();
  if (replica.database.cutAll() === 0) return false;
  journal.hit({ kind: 'database_cut', replica: replica.name, at, until: machineMs() });
  return true;
}

async function away(
  { journal }: Context,
  { kind }: PlannedFault,
  replica: ReplicaUnderTest,
  proxy: FaultProxy,
  mode: Outage,
  ms: number,
  healing: Healing,
): Promise<boolean> {
  const at = machineMs();
  const touched = proxy.begin(mode);
  const exchanges = journal.exchanges.length;
  await delay(ms);
  const hit = touched > 0 || proxy.connections > 0 || journal.exchanges.length > exchanges;
  await proxy.lift(healing);
  if (hit) journal.hit({ kind, replica: replica.name, at, until: machineMs() });
  return hit;
}

/** The worst moment to lose the database: an answer is in hand, and others will take the attempt over. */
async function cutOffWithAnswer(
  { journal }: Context,
  { kind, skip }: PlannedFault,
  replica: ReplicaUnderTest,
  ms: number,
): Promise<boolean> {
  const armed = replica.arm({ id: randomUUID(), moment: 'saving', action: 'delay', delayMs: 150, skip });
  const fact = await reached(armed, replica);
  armed.disarm();
  if (!fact) return false;
  const at = machineMs();
  replica.database.begin('silent_dropped');
  await delay(ms);
  await replica.database.lift('reset');
  journal.hit({ kind, replica: replica.name, at, until: machineMs() });
  return true;
}

/** Refused connections: seen by what the replicas say of them. */
async function pathsAway(
  { journal, fleet }: Context,
  { kind }: PlannedFault,
  replicas: readonly ReplicaUnderTest[],
  ms: number,
): Promise<boolean> {
  let refused = false;
  const unwatch = replicas.map((replica) =>
    replica.watch((line) => {
      if (JSON.stringify(line).includes('connection_refused')) refused = true;
    }),
  );
  const at = machineMs();
  for (const replica of replicas) replica.server.begin('refuse');
  await delay(ms);
  await Promise.all(replicas.map((replica) => replica.server.lift()));
  for (const end of unwatch) end();
  const all = replicas.length === fleet.replicas.length;
  const [first] = replicas;
  if (refused) {
    journal.hit({ kind, at, until: machineMs(), ...(all || !first ? {} : { replica: first.name }) });
  }
  return refused;
}

async function serverKilled({ fleet, journal }: Context, ms: number): Promise<boolean> {
  const at = machineMs();
  await fleet.server.kill();
  await delay(ms);
  await fleet.server.start();
  journal.hit({ kind: 'server_killed', at, until: machineMs() });
  return true;
}

async function postgresKilled({ fleet, journal }: Context, ms: number): Promise<boolean> {
  const at = machineMs();
  await fleet.postgres.kill();
  await delay(ms);
  await fleet.postgres.start();
  // The replicas' pools find their way back within a moment.
  journal.hit({ kind: 'postgres_killed', at, until: machineMs() + 1_000 });
  return true;
}

/** Both the database and the authorization server are gone: what is held goes on being served (P6). */
async function everythingAway({ fleet, journal }: Context, ms: number): Promise<boolean> {
  const at = machineMs();
  for (const { database, server } of fleet.replicas) {
    database.cutAll();
    database.begin('refuse');
    server.cutAll();
    server.begin('refuse');
  }
  await delay(ms);
  await Promise.all(fleet.replicas.flatMap(({ database, server }) => [database.lift(), server.lift()]));
  journal.hit({ kind: 'everything_away', at, until: machineMs() + 500 });
  return true;
}
