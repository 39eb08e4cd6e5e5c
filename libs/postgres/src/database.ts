import type { PoolConfig } from 'pg';
import { DataSource, type MigrationInterface } from 'typeorm';
import { ConnectionWatch } from './connection-watch.js';
import { PrimaryConnection, type PrimaryConnectionConfig } from './primary-connection.js';
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
  /** Is told how many connections were given up because another server answers at the address now. */
  readonly connectionsAbandoned?: (count: number) => void;
}

/** Two pools on one database, so that rotations that wait for slow servers never starve the reads. */
export interface Database {
  readonly main: DataSource;
  readonly rotation: DataSource;
  close(): Promise<void>;
}

/** What pg's pool understands beside TypeORM's own options. */
type PoolExtra = Omit<PoolConfig, 'onConnect' | 'Client'> &
  PrimaryConnectionConfig & {
    readonly Client: typeof PrimaryConnection;
    readonly onConnect: (connection: PrimaryConnection) => Promise<void>;
  };

const CONNECT_TIMEOUT_MS = 5_000;
/** Longer than any exchange: who wants a row that is being rotated waits for its lock. */
const STATEMENT_TIMEOUT_MS = 40_000;
/** The last resort where nobody answers at all; {@link ConnectionWatch} finds a changed primary in seconds. */
const CLIENT_SIDE_TIMEOUT_MS = 45_000;

/**
 * Opens the database.
 * @throws {StoreUnavailableError} where it cannot be reached
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const open = new Set<PrimaryConnection>();
  const main = dataSource(options, options.otherConnections, [], open);
  const rotation = dataSource(options, options.rotationConnections, [], open);
  await translated(() => main.initialize());
  try {
    await translated(() => rotation.initialize());
  } catch (error) {
    await main.destroy();
    throw error;
  }
  const watch = new ConnectionWatch(open, options);
  return {
    main,
    rotation,
    close: async () => {
      watch.stop();
      await Promise.all([main.destroy(), rotation.destroy()]);
    },
  };
}

/** The migrations, as `migrations/index.ts` lists them. */
export type Migrations = (new () => MigrationInterface)[];

/**
 * A pool; the caller initializes and destroys it.
 * @param openConnections where its connections are entered while they are open
 */
export function dataSource(
  options: Pick<DatabaseOptions, 'url' | 'applicationName' | 'idleInTransactionTimeoutMs'>,
  connections: number,
  migrations: Migrations,
  openConnections = new Set<PrimaryConnection>(),
  timeouts = { statementMs: STATEMENT_TIMEOUT_MS, clientSideMs: CLIENT_SIDE_TIMEOUT_MS },
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
      Client: PrimaryConnection,
      onConnect: (connection: PrimaryConnection) => connection.checkPrimary(),
      openConnections,
      // What nothing else notices must not stay for ever.
      maxLifetimeSeconds: 120,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      statement_timeout: timeouts.statementMs,
      query_timeout: timeouts.clientSideMs,
      idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs,
      // An attempt must be on disk before its token is sent (promise P2), whatever the server's default is.
      options: '-c synchronous_commit=on',
    } satisfies PoolExtra,
  });
}
