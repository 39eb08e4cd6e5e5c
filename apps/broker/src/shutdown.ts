import { DemandRotations, Membership, PendingSaves, Rotator, sleep } from '#libs/core';
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
  // An exchange may begin late in its attempt, and then still has all of its time.
  const limit = config.attemptDeadlineMs + GRACE_MS;
  const over = new AbortController();
  const ended = (async () => {
    // In this order: what may claim first, so that nothing begins after the last look.
    await Promise.all([grpc.close(limit), app.get(Schedule).stop(), app.get(DemandRotations).stop()]);
    await app.get(Rotator).idle();
  })();
  await Promise.race([ended, sleep(limit, over.signal)]);
  over.abort();
  const pending = app.get(PendingSaves);
  if (pending.size > 0) {
    logger.warn(
      { event: 'broker.waiting', pending: pending.size },
      'waiting for the database to save what is in hand',
    );
  }
  const left = (await pending.drain(PENDING_SAVES_MS)) + app.get(Rotator).inFlight;
  await app.get(Membership).leave(left > 0);
  await app.get(ChangeFeed).stop();
  await app.close();
  await foundation.spool.close();
  await database.close();
  return left;
}
