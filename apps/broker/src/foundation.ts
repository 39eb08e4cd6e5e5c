import { messageOf, SealError } from '#libs/core';
import { createEventSink, createLogger, Metrics } from '#libs/observability';
import { checkSealingKey, isMigrated, openDatabase } from '#libs/postgres';
import { JweSealer, keyRingFromFile, keyRingFromText, type KeyRing } from '#libs/sealing';
import { FileSpool } from '#libs/spool';
import { migrations } from '#migrations';
import type { BrokerConfig } from './broker-config.js';
import type { Foundation } from './modules/foundation.js';
import { StartError } from './start-error.js';

/** Longer than any attempt may last: the row lock has to outlive the exchange that it protects. */
const IDLE_IN_TRANSACTION_MARGIN_MS = 30_000;

/**
 * Checks and opens what everything else stands on: keys, database, schema, and that they belong together.
 * @throws {StartError} before anything has been changed
 */
export async function layFoundation(config: BrokerConfig): Promise<Foundation> {
  const ring = await keyRing(config);
  const logger = createLogger({ level: config.logLevel, replica: config.replica });
  const metrics = new Metrics();
  const events = createEventSink(logger, metrics);
  const sealer = new JweSealer(ring);
  const options = { url: config.databaseUrl, applicationName: `token-broker ${config.replica}` };
  try {
    if (!(await isMigrated(options, migrations))) {
      throw new StartError(
        'The database has no schema, or another one than this version needs. Run the migrations first: node dist/apps/broker/src/migrate.js',
      );
    }
    const database = await openDatabase({
      ...options,
      rotationConnections: config.rotationConcurrency,
      otherConnections: config.databaseConnections,
      idleInTransactionTimeoutMs: config.attemptDeadlineMs + IDLE_IN_TRANSACTION_MARGIN_MS,
      connectionsAbandoned: (connections) =>
        logger.warn(
          { event: 'database.moved', connections },
          'another server answers for the database now; the connections to the old one were given up',
        ),
    });
    try {
      const installationId = await checkSealingKey(database.main, sealer);
      const spool = await openSpool(config.spoolDir, installationId);
      return { config, logger, events, metrics, sealer, database, spool };
    } catch (error) {
      await database.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof StartError) throw error;
    if (error instanceof SealError) {
      throw new StartError(
        `The sealing keys are not the ones that this database was sealed with. Nothing has been changed; give the right keys. (${error.message})`,
        { cause: error },
      );
    }
    throw new StartError(`The database by DATABASE_URL cannot be used: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function openSpool(dir: string, installationId: string): Promise<FileSpool> {
  try {
    return await FileSpool.open(dir, installationId);
  } catch (error) {
    throw new StartError(`The spool (TOKEN_BROKER_SPOOL_DIR) cannot be used: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function keyRing({ sealing }: BrokerConfig): Promise<KeyRing> {
  try {
    if (sealing.keyFile !== undefined) return await keyRingFromFile(sealing.keyFile);
    return await keyRingFromText(sealing.keys ?? '', 'TOKEN_BROKER_SEALING_KEYS');
  } catch (error) {
    throw new StartError(`The sealing keys cannot be used: ${messageOf(error)}`, { cause: error });
  }
}
