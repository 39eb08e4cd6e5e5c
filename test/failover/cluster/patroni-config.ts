import type { EtcdApi } from './programs.js';

/** The cluster's name in etcd, in Patroni, and as PostgreSQL's `cluster_name`. */
export const SCOPE = 'token-broker';

/** What an operator would choose. Patroni's documentation, "Dynamic Configuration Settings". */
export interface ClusterTimings {
  /** For how long the leader's key lasts: a dead leader is noticed after that much at the latest. */
  readonly ttlSeconds: number;
  readonly loopWaitSeconds: number;
  readonly retryTimeoutSeconds: number;
}

/** Passwords of a run's own. */
export interface ClusterSecrets {
  readonly superuser: string;
  readonly replication: string;
  readonly broker: string;
}

/** One node, and where it listens. */
export interface NodeAddress {
  readonly name: string;
  readonly postgresPort: number;
  readonly restPort: number;
}

/** Everything that a node's configuration is made from. */
export interface NodeConfig {
  readonly node: NodeAddress;
  readonly dir: string;
  readonly etcdPort: number;
  readonly etcdApi: EtcdApi;
  readonly postgresBin: string;
  readonly secrets: ClusterSecrets;
  readonly timings: ClusterTimings;
  /** No writes at all while no standby is there to confirm them. */
  readonly strict: boolean;
}

/** A node's configuration file. Patroni reads YAML, and JSON is YAML. */
export function patroniConfig(config: NodeConfig): string {
  const { node, dir, secrets, timings } = config;
  const at = (port: number): { listen: string; connect_address: string } => ({
    listen: `127.0.0.1:${port}`,
    connect_address: `127.0.0.1:${port}`,
  });
  return JSON.stringify(
    {
      scope: SCOPE,
      name: node.name,
      restapi: at(node.restPort),
      [config.etcdApi]: { hosts: [`127.0.0.1:${config.etcdPort}`] },
      bootstrap: {
        dcs: {
          ttl: timings.ttlSeconds,
          loop_wait: timings.loopWaitSeconds,
          retry_timeout: timings.retryTimeoutSeconds,
          maximum_lag_on_failover: 1_048_576,
          synchronous_mode: true,
          synchronous_mode_strict: config.strict,
          postgresql: { use_pg_rewind: true, use_slots: true },
        },
        initdb: ['data-checksums', { encoding: 'UTF8' }, { locale: 'C.UTF-8' }],
      },
      postgresql: {
        ...at(node.postgresPort),
        bin_dir: config.postgresBin,
        data_dir: `${dir}/data`,
        pgpass: `${dir}/pgpass`,
        authentication: {
          superuser: { username: 'postgres', password: secrets.superuser },
          replication: { username: 'replicator', password: secrets.replication },
        },
        pg_hba: [
          'local all all scram-sha-256',
          'host all all 127.0.0.1/32 scram-sha-256',
          'host replication replicator 127.0.0.1/32 scram-sha-256',
        ],
        // Three servers share a small machine. Durability stays as it is by default.
        parameters: {
          unix_socket_directories: dir,
          shared_buffers: '32MB',
          max_connections: 120,
          max_wal_senders: 8,
          wal_keep_size: '128MB',
          log_connections: 'off',
          log_line_prefix: '%m [%p] %a ',
          jit: 'off',
        },
      },
      watchdog: { mode: 'off' },
    },
    undefined,
    2,
  );
}
