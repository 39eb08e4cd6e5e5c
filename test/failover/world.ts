import { join } from 'node:path';
import type { BrokerConnection } from '#libs/client';
import { EXAMPLES } from '../../apps/dev/src/examples.js';
import { isolatedSettings } from '../../apps/dev/src/settings.js';
import { DevelopmentStack } from '../../apps/dev/src/stack.js';
import { DatabaseCluster } from './cluster/cluster.js';
import { clusterAccount, safeEtcdApi, type Programs } from './cluster/programs.js';
import { Connections } from './connections.js';
import { AcknowledgedWrites } from './observe/acknowledged-writes.js';
import { BrokerLog } from './observe/broker-log.js';
import { NodeWatch } from './observe/node-watch.js';
import { Reader } from './observe/readers.js';
import type { FailoverOptions } from './options.js';

const LOOP_WAIT_SECONDS = 2;

/** Everything that runs, and everything that watches it. */
export class World {
  readonly log = new BrokerLog();
  readonly readers: Reader[] = [];
  private readonly open: BrokerConnection[] = [];
  private started: { stop(): Promise<void> }[] = [];
  private parts:
    | {
        readonly cluster: DatabaseCluster;
        readonly stack: DevelopmentStack;
        readonly connections: Connections;
        readonly nodes: NodeWatch;
        readonly writes: AcknowledgedWrites;
      }
    | undefined;

  constructor(
    readonly options: FailoverOptions,
    readonly say: (text: string) => void,
  ) {}

  get cluster(): DatabaseCluster {
    return this.built.cluster;
  }

  get connections(): Connections {
    return this.built.connections;
  }

  get nodes(): NodeWatch {
    return this.built.nodes;
  }

  get writes(): AcknowledgedWrites {
    return this.built.writes;
  }

  /** The brokers' names, as their logs have them. */
  get replicas(): string[] {
    return this.built.stack.replicas.map(({ name }) => name);
  }

  /** Builds the cluster, then the brokers on it, then the connections, then the load. */
  async build(runDir: string, programs: Programs): Promise<void> {
    const { options, say } = this;
    say('Starting etcd, three Patroni nodes and HAProxy …');
    const cluster = await DatabaseCluster.start({
      runDir,
      programs,
      account: clusterAccount(),
      strict: options.strict,
      etcdApi: options.etcdApi ?? safeEtcdApi(programs.patroni),
      timings: {
        ttlSeconds: options.ttlSeconds,
        loopWaitSeconds: LOOP_WAIT_SECONDS,
        // Patroni's rule: loop_wait + 2 × retry_timeout ≤ ttl.
        retryTimeoutSeconds: Math.floor((options.ttlSeconds - LOOP_WAIT_SECONDS) / 2),
      },
    });
    const settings = await isolatedSettings(join(runDir, 'stack'), {
      replicas: options.replicas,
      databaseUrl: cluster.databaseUrl,
      tokenTtlSeconds: options.tokenTtlSeconds,
    });
    const stack = await DevelopmentStack.start(settings, {
      step: say,
      brokerLine: (replica, line) => this.log.line(replica, line),
    });
    this.started.push(stack);
    const admin = await stack.connect('admin');
    this.open.push(admin);
    const connections = new Connections(stack, admin, options.connections);
    const nodes = new NodeWatch(cluster);
    const writes = new AcknowledgedWrites(cluster);
    this.parts = { cluster, stack, connections, nodes, writes };
    say(
      `Connecting ${options.connections} users with short tokens and ${connections.held.length} with long ones …`,
    );
    await connections.create();
    await connections.answerAfter(options.answerMs);
    await this.startLoad(stack);
  }

  /** Stops the load and the brokers; the cluster's processes are ended with the run's directory. */
  async stop(): Promise<void> {
    const order = this.started.toReversed();
    this.started = [];
    for (const part of order) await part.stop();
    for (const broker of this.open) broker.close();
  }

  private async startLoad(stack: DevelopmentStack): Promise<void> {
    const { nodes, writes, connections } = this;
    nodes.start();
    this.started.push(nodes);
    await writes.start();
    this.started.push(writes);
    for (const index of stack.replicas.keys()) {
      const broker = await stack.connect(EXAMPLES.workload, index);
      this.open.push(broker);
      const reader = new Reader(
        broker,
        { held: connections.held, rotating: connections.rotating },
        this.options.tokenTtlSeconds * 1_000,
      );
      reader.start();
      this.readers.push(reader);
      this.started.push(reader);
    }
  }

  private get built(): NonNullable<World['parts']> {
    if (!this.parts) throw new Error('The world has not been built yet.');
    return this.parts;
  }
}
