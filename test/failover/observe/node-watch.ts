import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { saysPrimary } from '../cluster/members.js';
import type { DatabaseCluster } from '../cluster/cluster.js';
import type { DatabaseNode } from '../cluster/node.js';

/** What a node is, asked directly: PostgreSQL itself, and Patroni's REST API. */
export interface NodeSighting {
  readonly node: string;
  readonly what: 'primary' | 'standby' | 'silent' | 'REST: primary' | 'REST: not primary';
  /** `performance.now()`. */
  readonly at: number;
}

const LOOK_EVERY_MS = 100;
const ANSWER_WITHIN_MS = 1_000;

/** Looks at every node ten times a second, past HAProxy, and keeps every change. */
export class NodeWatch {
  readonly sightings: NodeSighting[] = [];
  private readonly stopping = new AbortController();
  private running: Promise<unknown> | undefined;

  constructor(private readonly cluster: DatabaseCluster) {}

  start(): void {
    const { nodes } = this.cluster;
    this.running = Promise.all(nodes.flatMap((node) => [this.watchServer(node), this.watchRest(node)]));
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** When a node other than `old` was first seen as the primary, after a moment. */
  promotion(old: string, after: number): NodeSighting | undefined {
    return this.sightings.find(({ node, what, at }) => node !== old && what === 'primary' && at > after);
  }

  /** When another node's REST API first said so. */
  restPrimary(old: string, after: number): NodeSighting | undefined {
    return this.sightings.find(
      ({ node, what, at }) => node !== old && what === 'REST: primary' && at > after,
    );
  }

  private async watchServer(node: DatabaseNode): Promise<void> {
    let client: pg.Client | undefined;
    await this.repeatedly(node, async () => {
      try {
        client ??= await this.connect(node);
        const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
        return rows[0]?.standby ? 'standby' : 'primary';
      } catch {
        void client?.end().catch(() => undefined);
        client = undefined;
        return 'silent';
      }
    });
    void client?.end().catch(() => undefined);
  }

  private async connect(node: DatabaseNode): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.cluster.adminUrl('postgres', node),
      connectionTimeoutMillis: ANSWER_WITHIN_MS,
      query_timeout: ANSWER_WITHIN_MS,
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  private watchRest(node: DatabaseNode): Promise<void> {
    return this.repeatedly(node, async () =>
      (await saysPrimary(node.address)) ? 'REST: primary' : 'REST: not primary',
    );
  }

  private async repeatedly(node: DatabaseNode, look: () => Promise<NodeSighting['what']>): Promise<void> {
    const { signal } = this.stopping;
    for (let last: string | undefined; !signal.aborted;) {
      const what = await look();
      if (what !== last) this.sightings.push({ node: node.name, what, at: performance.now() });
      last = what;
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
