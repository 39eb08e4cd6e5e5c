import { PendingSaves, Rotator, sleep } from '#libs/core';
import { ChangeFeed } from '#libs/postgres';
import type { GrpcServer } from '#libs/grpc';
import type { RunningBroker } from './boot.js';
import { Lifecycle } from './lifecycle.js';
import { GRPC_SERVER } from './modules/foundation.js';
import { Schedule } from './schedule.js';

/** Calls that run longer than an exchange are over anyway. */
const GRACE_MS = 5_000;

/** How long the database is waited for; what is in hand is in the spool as well. */
const PENDING_SAVES_MS = 10_000;

/**
 * Ends the broker without losing anything: no new claims, calls and rotations run to their end, and what is
 * in hand is saved. Answers how many answers are left to the spool; zero unless the database stays away.
 */
export async function shutDown({ app, foundation }: RunningBroker): Promise<number> {
  const { config, logger, database } = foundation;
  app.get(Lifecycle).draining();
  const grpc = app.get<GrpcServer>(GRPC_SERVER);
  grpc.setServing(false);
  app.get(Schedule).stop();
  const limit = config.exchangeTimeoutMs + GRACE_MS;
  const over = new AbortController();
  await Promise.all([grpc.close(limit), Promise.race([app.get(Rotator).idle(), sleep(limit, over.signal)])]);
  over.abort();
  const pending = app.get(PendingSaves);
  if (pending.size > 0) {
    logger.warn(
      { event: 'broker.waiting', pending: pending.size },
      'waiting for the database to save what is in hand',
    );
  }
  const lost = await pending.drain(PENDING_SAVES_MS);
  await app.get(ChangeFeed).stop();
  await app.close();
  await foundation.spool.close();
  await database.close();
  return lost;
}
