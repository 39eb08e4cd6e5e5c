import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { freePorts } from '../../../apps/dev/src/settings.js';
import { eventually } from '../eventually.js';
import { Daemon } from './daemon.js';
import { callPatroni, readMembers, type Member } from './members.js';
import { DatabaseNode } from './node.js';
import { makeDirectory, writePrivate } from './owned-files.js';
import { patroniConfig, type ClusterSecrets, type ClusterTimings } from './patroni-config.js';
import type { Account, EtcdApi, Programs } from './programs.js';
import { Proxy } from './proxy.js';

/** How to build the cluster. */
export interface ClusterOptions {
  /** The run's directory; the cluster gets a directory below it. */
  readonly runDir: string;
  readonly programs: Programs;
  readonly account: Account | undefined;
  readonly timings: ClusterTimings;
  readonly strict: boolean;
  readonly etcdApi: EtcdApi;
}

const NODES = 3;
const START_WITHIN_MS = 90_000;

/**
 * Three PostgreSQL servers under Patroni, etcd, and HAProxy in front: what the brokers see is one address. All
 * on loopback, on free ports, in one directory.
 */
export class DatabaseCluster {
  readonly nodes: DatabaseNode[] = [];
  private readonly secrets: ClusterSecrets = {
    superuser: randomBytes(16).toString('hex'),
    replication: randomBytes(16).toString('hex'),
    broker: randomBytes(16).toString('hex'),
  };
  private readonly dir: string;

  private constructor(
    private readonly options: ClusterOptions,
    private readonly proxy: Proxy,
    private readonly ports: readonly number[],
  ) {
    this.dir = join(options.runDir, 'cluster');
  }

  /** Starts everything and waits for a leader with a synchronous standby and a third node. */
  static async start(options: ClusterOptions): Promise<DatabaseCluster> {
    const [proxyPort = 0, ...ports] = await freePorts(3 + 2 * NODES);
    const { runDir, programs, account } = options;
    const dir = join(runDir, 'cluster');
    makeDirectory(dir, account);
    const proxy = new Proxy({
      dir: join(dir, 'haproxy'),
      port: proxyPort,
      program: programs.haproxy,
      account,
    });
    const cluster = new DatabaseCluster(options, proxy, ports);
    await cluster.startParts();
    return cluster;
  }

  /** The broker's `DATABASE_URL`: through HAProxy. */
  get databaseUrl(): string {
    return `postgres://broker:${this.secrets.broker}@127.0.0.1:${this.proxy.port}/token_broker`;
  }

  /** The superuser's address, through HAProxy or at one node directly. */
  adminUrl(database: string, node?: DatabaseNode): string {
    const port = node?.address.postgresPort ?? this.proxy.port;
    return `postgres://postgres:${this.secrets.superuser}@127.0.0.1:${port}/${database}`;
  }

  /** The members as Patroni tells them. */
  members(): Promise<Member[]> {
    return readMembers(this.nodes.map(({ address }) => address));
  }

  node(name: string): DatabaseNode {
    const node = this.nodes.find((one) => one.name === name);
    if (!node) throw new Error(`There is no node ${name}.`);
    return node;
  }

  /** The node that leads now. @throws where none does */
  async leader(): Promise<DatabaseNode> {
    const leader = (await this.members()).find(({ role }) => role === 'leader');
    if (!leader) throw new Error('The cluster has no leader.');
    return this.node(leader.name);
  }

  /** Waits until every node runs on one timeline and the leader has its standbys. */
  async whole(): Promise<void> {
    await eventually(
      'a leader and two standbys on its timeline',
      async () => {
        const members = await this.members();
        const [timeline] = members.filter(({ role }) => role === 'leader').map((leader) => leader.timeline);
        return (
          members.length === NODES &&
          timeline !== undefined &&
          members.every((one) => /^(running|streaming)$/.test(one.state) && one.timeline === timeline)
        );
      },
      START_WITHIN_MS,
    );
  }

  /** As {@link whole}, with a synchronous standby. */
  async synchronous(): Promise<void> {
    await this.whole();
    await eventually(
      'a synchronous standby',
      async () => (await this.members()).some(({ role }) => role === 'sync_standby'),
      START_WITHIN_MS,
    );
  }

  /** Changes the dynamic configuration, as `patronictl edit-config` does. */
  async configure(change: object): Promise<void> {
    await callPatroni((await this.leader()).address, 'PATCH', 'config', change);
  }

  /** A planned switchover to the synchronous standby, as `patronictl switchover` does it. */
  async switchover(): Promise<void> {
    const leader = await this.leader();
    const standby = (await this.members()).find(({ role }) => role === 'sync_standby');
    await callPatroni(leader.address, 'POST', 'switchover', {
      leader: leader.name,
      ...(standby ? { candidate: standby.name } : {}),
    });
  }

  /** Starts HAProxy anew, with or without closing the connections of a node that went down. */
  async startProxy(shutdownSessions: boolean): Promise<void> {
    await this.proxy.start(
      this.nodes.map(({ address }) => address),
      shutdownSessions,
    );
  }

  /** A command at HAProxy's admin socket. */
  proxyCommand(command: string): Promise<string> {
    return this.proxy.command(command);
  }

  /** Runs one statement on a connection of its own. */
  async query(url: string, sql: string, timeoutMs = 5_000): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      void client.end().catch(() => undefined);
    }
  }

  private async startParts(): Promise<void> {
    const [etcdClient = 0, etcdPeer = 0, ...ports] = this.ports;
    this.startEtcd(etcdClient, etcdPeer);
    for (let i = 0; i < NODES; i += 1) {
      this.addNode(`node${i + 1}`, ports[2 * i] ?? 0, ports[2 * i + 1] ?? 0, etcdClient);
    }
    for (const node of this.nodes) {
      node.start();
      // The first one makes the cluster, the others copy it.
      if (node === this.nodes[0]) await this.firstLeader();
    }
    await this.synchronous();
    await this.startProxy(true);
    await this.createDatabases();
  }

  private startEtcd(clientPort: number, peerPort: number): void {
    const { programs, account } = this.options;
    const dir = join(this.dir, 'etcd');
    makeDirectory(dir, account);
    const client = `http://127.0.0.1:${clientPort}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    new Daemon({
      name: 'etcd',
      program: programs.etcd,
      args: Object.entries({
        name: 'etcd',
        'data-dir': join(dir, 'data'),
        'log-level': 'warn',
        'enable-v2': String(this.options.etcdApi === 'etcd'),
        'listen-client-urls': client,
        'advertise-client-urls': client,
        'listen-peer-urls': peer,
        'initial-advertise-peer-urls': peer,
        'initial-cluster': `etcd=${peer}`,
      }).map(([name, value]) => `--${name}=${value}`),
      cwd: dir,
      logFile: join(dir, 'etcd.log'),
      account,
    });
  }

  private addNode(name: string, postgresPort: number, restPort: number, etcdPort: number): void {
    const { programs, account, timings, strict, etcdApi } = this.options;
    const dir = join(this.dir, name);
    const address = { name, postgresPort, restPort };
    makeDirectory(dir, account);
    writePrivate(
      join(dir, 'patroni.yml'),
      patroniConfig({
        node: address,
        dir,
        etcdPort,
        etcdApi,
        postgresBin: programs.postgresBin,
        secrets: this.secrets,
        timings,
        strict,
      }),
      account,
    );
    this.nodes.push(new DatabaseNode(address, { dir, patroni: programs.patroni, account }));
  }

  private async firstLeader(): Promise<void> {
    await eventually(
      'the first leader',
      async () => {
        for (const node of this.nodes) node.assertRunning();
        return (await this.members()).some(({ role, state }) => role === 'leader' && state === 'running');
      },
      START_WITHIN_MS,
    );
  }

  private async createDatabases(): Promise<void> {
    const admin = this.adminUrl('postgres');
    await this.query(admin, `CREATE ROLE broker LOGIN PASSWORD '${this.secrets.broker}'`);
    await this.query(admin, 'CREATE DATABASE token_broker OWNER broker');
    await this.query(admin, 'CREATE DATABASE failover_probe');
  }
}
