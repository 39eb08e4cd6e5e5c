import { messageOf } from '#libs/core';
import { boot, type RunningBroker } from './boot.js';
import { ConfigError, readConfig } from './config.js';
import { layFoundation } from './foundation.js';
import type { Foundation, Seams } from './modules/foundation.js';
import { shutDown } from './shutdown.js';
import { StartError } from './start-error.js';

/**
 * The whole life of a broker process: starts it, ends it at SIGTERM or SIGINT, and exits.
 * @param seams given by the fault campaign's own entry, and by nobody else
 */
export async function run(env: NodeJS.ProcessEnv, seams?: Seams): Promise<never> {
  try {
    await live(env, seams);
    // What is left (keep-alive sockets) must not keep the process.
    process.exit();
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exit(1);
  }
}

async function live(env: NodeJS.ProcessEnv, seams: Seams | undefined): Promise<void> {
  const startedAt = performance.now();
  const stop = stopSignal();
  const config = readConfig(env);
  const foundation: Foundation = { ...(await layFoundation(config)), ...(seams && { seams }) };
  const { logger } = foundation;
  process.on('unhandledRejection', (error) =>
    foundation.events.emit({ type: 'fault', during: 'a promise', error }),
  );
  const broker = await bootOrClose(foundation);
  logger.info(
    {
      event: 'broker.started',
      grpcPort: broker.grpcPort,
      publicUrl: config.web.publicUrl,
      startMs: Math.round(performance.now() - startedAt),
    },
    'the broker serves',
  );
  const signal = await stop;
  logger.info({ event: 'broker.stopping', signal }, 'stopping');
  const left = await shutDown(broker);
  if (left > 0) {
    const message =
      'ended while the database was away; what was in hand is in the spool, for the next start to save';
    logger.warn({ event: 'broker.left_in_spool', left }, message);
  }
  logger.info({ event: 'broker.stopped' }, 'stopped');
}

async function bootOrClose(foundation: Foundation): Promise<RunningBroker> {
  try {
    return await boot(foundation);
  } catch (error) {
    await foundation.spool.close();
    await foundation.database.close();
    throw error;
  }
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
    // Whoever started us over a channel (the development stack) is gone.
    process.once('disconnect', () => resolve('disconnect'));
  });
}

function explain(error: unknown): string {
  if (error instanceof ConfigError) {
    return `The configuration cannot be used:\n${error.mistakes.map((mistake) => `  - ${mistake}`).join('\n')}`;
  }
  if (error instanceof StartError) return error.message;
  return `The broker could not start: ${messageOf(error)}`;
}
