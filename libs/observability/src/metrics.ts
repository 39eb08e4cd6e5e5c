import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { BrokerEvent, Objection, ReplicaState } from '#libs/core';
import { CachedStats, type ConnectionStats } from './cached-stats.js';

const ROTATION_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const READ_SECONDS = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5, 30];

/** What is looked at when the metrics are asked for. */
export interface MetricSources {
  readonly stats: ConnectionStats;
  /** How many connections the replica holds tokens of. */
  readonly heldConnections: () => number;
  /** How many answers wait for the database. */
  readonly pendingSaves: () => number;
  /** Why this replica spends nothing now; `undefined` where it does. */
  readonly objection: () => { readonly code: Objection['code'] } | undefined;
  /** Where the replicas stood when the database was last heard. */
  readonly replicas: () => Readonly<Record<ReplicaState, number>>;
  /** How many attempts the spool holds, and about how many bytes they take. */
  readonly spool: () => { readonly attempts: number; readonly bytes: number };
  /** How many reads wait for a slot. */
  readonly waitingReads: () => number;
  /** The OAuth clients as this replica knows them. */
  readonly clients: () => readonly ClientGauges[];
}

const OBJECTIONS: readonly Objection['code'][] = [
  'starting',
  'frozen',
  'not_admitted',
  'awaiting_redo',
  'spool_unavailable',
];

/** What is told of an OAuth client from memory. */
export interface ClientGauges {
  readonly client: string;
  readonly frozen: boolean;
  readonly breakerOpen: boolean;
}

type Values = ReadonlyArray<readonly [label: string, value: number]>;

/** The metrics of a replica, for Prometheus. Every name begins with `token_broker_`. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly rotations = this.counter('rotations_total', 'Rotations by outcome.', [
    'outcome',
    'trigger',
  ]);
  private readonly reads = this.counter('token_reads_total', 'Token reads by outcome.', ['outcome']);
  private readonly rotationSeconds = this.histogram(
    'rotation_duration_seconds',
    'Duration of rotations.',
    ROTATION_SECONDS,
  );
  private readonly readSeconds = this.histogram(
    'token_read_duration_seconds',
    'Duration of token reads.',
    READ_SECONDS,
  );
  private readonly takenOver = this.counter(
    'attempts_taken_over_total',
    'Attempts of replicas that were gone.',
    [],
  );
  private readonly faults = this.counter('faults_total', 'Faults of the broker itself.', []);
  /** Resolved label sets of the hot path. */
  private readonly readChildren = new Map<
    string,
    { count: Counter.Internal; seconds: Histogram.Internal<string> }
  >();

  constructor() {
    collectDefaultMetrics({ register: this.registry, prefix: 'token_broker_' });
  }

  /** Says where the gauges get their values. */
  observe(sources: MetricSources): void {
    const stats = new CachedStats(sources.stats);
    this.gauge('held_connections', 'Connections whose tokens this replica holds.', sources.heldConnections);
    this.gauge('waiting_reads', 'Reads that wait for a slot.', sources.waitingReads);
    this.gauge('pending_saves', 'Answers that wait for the database.', sources.pendingSaves);
    this.gauge('spool_attempts', 'Attempts in the spool.', () => sources.spool().attempts);
    this.gauge('spool_bytes', 'About how many bytes the spool takes.', () => sources.spool().bytes);
    this.gauges('spending_stopped', 'Why this replica spends nothing now: 1 for the cause.', 'cause', () => {
      const objection = sources.objection();
      return OBJECTIONS.map((code) => [code, objection?.code === code ? 1 : 0]);
    });
    this.gauges('replicas', 'Replicas by state.', 'state', () => Object.entries(sources.replicas()));
    this.gauge(
      'oldest_overdue_seconds',
      'How long the most overdue rotation has been waiting.',
      async () => (await stats.current()).oldestOverdueMs / 1_000,
    );
    this.gauge('database_up', 'Whether the database answered when it was last asked.', async () => {
      await stats.current();
      return stats.up ? 1 : 0;
    });
    this.gauge(
      'stats_age_seconds',
      'Age of the figures that come from the database.',
      () => stats.ageMs / 1_000,
    );
    this.gauges('connections', 'Connections by state.', 'state', async () =>
      Object.entries((await stats.current()).byState),
    );
    this.gauges(
      'reauthorizations_due',
      'Connections that will need their user within a time.',
      'within',
      async () => Object.entries((await stats.current()).reauthorizationsDue),
    );
    this.observeClients(sources, stats);
  }

  private observeClients({ clients }: MetricSources, stats: CachedStats): void {
    this.gauges('client_frozen', 'Whether an OAuth client is frozen.', 'client', () =>
      clients().map(({ client, frozen }) => [client, Number(frozen)]),
    );
    this.gauges('breaker_open', 'Whether the breaker of this replica is open.', 'client', () =>
      clients().map(({ client, breakerOpen }) => [client, Number(breakerOpen)]),
    );
    this.gauges('slack_seconds', 'How long all that can be served now still could be.', 'client', async () =>
      (await stats.current()).byClient.flatMap(({ client, slackMs }) =>
        slackMs === undefined ? [] : [[client, slackMs / 1_000] as const],
      ),
    );
    this.gauges(
      'unserved_connections',
      'Connections to be kept fresh without a good token.',
      'client',
      async () => (await stats.current()).byClient.map(({ client, unserved }) => [client, unserved]),
    );
  }

  /** Counts an event. */
  count(event: BrokerEvent): void {
    switch (event.type) {
      case 'token.read':
        return this.countRead(event.outcome, event.durationMs / 1_000);
      case 'rotation.succeeded':
        this.rotations.inc({ outcome: 'succeeded', trigger: event.trigger });
        return this.rotationSeconds.observe({ outcome: 'succeeded' }, event.durationMs / 1_000);
      case 'rotation.failed':
        this.rotations.inc({ outcome: event.outcome, trigger: event.trigger });
        return this.rotationSeconds.observe({ outcome: event.outcome }, event.durationMs / 1_000);
      case 'attempt.taken_over':
        return this.takenOver.inc();
      case 'fault':
        return this.faults.inc();
      default:
        return undefined;
    }
  }

  /** The exposition (Prometheus text format), and its content type. */
  async exposition(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.registry.contentType, text: await this.registry.metrics() };
  }

  private countRead(outcome: string, seconds: number): void {
    let children = this.readChildren.get(outcome);
    if (!children) {
      children = { count: this.reads.labels(outcome), seconds: this.readSeconds.labels(outcome) };
      this.readChildren.set(outcome, children);
    }
    children.count.inc();
    children.seconds.observe(seconds);
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `token_broker_${name}`, help, labelNames, registers: [this.registry] });
  }

  private histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({
      name: `token_broker_${name}`,
      help,
      labelNames: ['outcome'],
      buckets,
      registers: [this.registry],
    });
  }

  /** A gauge with one value for each value of its label. */
  private gauges(name: string, help: string, label: string, values: () => Values | Promise<Values>): void {
    const registers = [this.registry];
    new Gauge({
      name: `token_broker_${name}`,
      help,
      labelNames: [label],
      registers,
      async collect() {
        const all = await values();
        // One that is gone must not be told of for ever.
        this.reset();
        for (const [value, count] of all) this.set({ [label]: value }, count);
      },
    });
  }

  private gauge(name: string, help: string, value: () => number | Promise<number>): void {
    new Gauge({
      name: `token_broker_${name}`,
      help,
      registers: [this.registry],
      async collect() {
        this.set(await value());
      },
    });
  }
}
