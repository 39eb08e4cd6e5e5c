import { DataSource, type MigrationInterface } from 'typeorm';
import {
  AccessRuleRow,
  AccessTokenRow,
  AuthorizationRequestRow,
  ConnectionRow,
  InstallationRow,
  OAuthClientRow,
  ReplicaRow,
  WorkloadIdentityRow,
  WorkloadRow,
} from './rows.js';
import { translated } from './store-errors.js';

const ENTITIES = [
  AccessRuleRow,
  AccessTokenRow,
  AuthorizationRequestRow,
  ConnectionRow,
  InstallationRow,
  OAuthClientRow,
  ReplicaRow,
  WorkloadIdentityRow,
  WorkloadRow,
];

/** How to reach the database, and how much of it to use. */
export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`, with `sslmode` where the server is elsewhere. */
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Rotations under way at once; each holds one connection for the length of its exchange. */
  readonly rotationConnections: number;
  /** Connections for everything else. */
  readonly otherConnections: number;
  /**
   * When the server ends a transaction that does nothing, in milliseconds: longer than any exchange, so that
   * a row lock outlives the exchange that it protects.
   */
  readonly idleInTransactionTimeoutMs: number;
}

/** Two pools on one database, so that rotations that wait for slow servers never starve the reads. */
export interface Database {
  readonly main: DataSource;
  readonly rotation: DataSource;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 40_000;
const CLIENT_SIDE_TIMEOUT_MS = 45_000;

/**
 * Opens the database.
 * @throws {StoreUnavailableError} where it cannot be reached
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const main = dataSource(options, options.otherConnections, []);
  const rotation = dataSource(options, options.rotationConnections, []);
  await translated(() => main.initialize());
  try {
    await translated(() => rotation.initialize());
  } catch (error) {
    await main.destroy();
    throw error;
  }
  return {
    main,
    rotation,
    close: async () => {
      await Promise.all([main.destroy(), rotation.destroy()]);
    },
  };
}

/** The migrations, as `migrations/index.ts` lists them. */
export type Migrations = (new () => MigrationInterface)[];

/** A pool; the caller initializes and destroys it. */
export function dataSource(
  options: Pick<DatabaseOptions, 'url' | 'applicationName' | 'idleInTransactionTimeoutMs'>,
  connections: number,
  migrations: Migrations,
): DataSource {
  return new DataSource({
    type: 'postgres',
    applicationName: options.applicationName,
    entities: ENTITIES,
    migrations,
    migrationsTableName: 'token_broker_migration',
    logging: false,
    poolErrorHandler: () => undefined,
    extra: {
      // Parsed by pg itself, which knows sslmode and its relatives.
      connectionString: options.url,
      max: connections,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      // A connection whose other end has gone silent must not stay for long.
      maxLifetimeSeconds: 120,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: CLIENT_SIDE_TIMEOUT_MS,
      idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs,
      // An attempt must be on disk before its token is sent (promise P2), whatever the server's default is.
      options: '-c synchronous_commit=on',
    },
  });
}
