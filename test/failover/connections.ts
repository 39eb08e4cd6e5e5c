import { performance } from 'node:perf_hooks';
import { call, type BrokerConnection } from '#libs/client';
import { Connection_State, type Connection } from '#proto/tokenbroker/v1/connection_service';
import { registerClient, registerExamples } from '../../apps/dev/src/examples.js';
import type { DevelopmentStack } from '../../apps/dev/src/stack.js';
import type { LedgerJudgement } from '../../apps/dev-as/src/index.js';
import { connectUser, rotate } from '../harness/broker-calls.js';
import { within } from './eventually.js';

const SCOPES = ['openid', 'offline_access', 'sf/software_development'];
const HELD_CONNECTIONS = 20;
const HELD_TTL_SECONDS = 3_600;
const SETTLE_WITHIN_MS = 180_000;
/** After that, nobody waits for those whose authorization is over: their user would have to come. */
const ENDED_AFTER_MS = 40_000;

/** A connection that is not what it should be, and what it says of itself. */
export interface Unhealthy {
  readonly name: string;
  readonly state: string;
  readonly lastError: string;
}

/** The connections of the run, as an administrator sees them. */
export class Connections {
  readonly rotating: readonly string[];
  readonly held: readonly string[];

  constructor(
    private readonly stack: DevelopmentStack,
    private readonly admin: BrokerConnection,
    count: number,
  ) {
    const name = (client: string, i: number): string => `clients/${client}/connections/user-${i}`;
    this.rotating = Array.from({ length: count }, (_, i) => name('indicium-rotating', i));
    this.held = Array.from({ length: HELD_CONNECTIONS }, (_, i) => name('indicium-held', i));
  }

  /** Registers the OAuth clients, and lets a user connect each connection through the pages. */
  async create(): Promise<void> {
    const { stack, admin } = this;
    await registerExamples(stack, admin);
    await this.control('POST', 'clients', {
      client_id: 'indicium-long',
      client_secret: stack.clientSecret('indicium-long'),
      redirect_uris: stack.settings.replicas.map(({ webPort }) => `http://127.0.0.1:${webPort}/callback`),
      access_token_ttl_seconds: HELD_TTL_SECONDS,
    });
    await registerClient(stack, admin, 'indicium-rotating', 'indicium-web', SCOPES);
    await registerClient(stack, admin, 'indicium-held', 'indicium-long', SCOPES);
    for (const name of [...this.rotating, ...this.held]) await connectUser(admin, name, 'ada');
  }

  /** Makes every exchange of a refresh token take a while: it is spent at once and answered late. */
  async answerAfter(ms: number): Promise<void> {
    if (ms === 0) return;
    const fault = { kind: 'delay_after', grantType: 'refresh_token', delayMs: ms, times: -1 };
    await this.control('POST', 'faults', fault);
  }

  /** What the authorization server's ledger says: the judge of promise P1. */
  async judgement(): Promise<LedgerJudgement> {
    return (await this.control('GET', 'ledger/summary')) as LedgerJudgement;
  }

  /**
   * Waits until every connection is `ACTIVE` and has been rotated since now, those with long tokens by an
   * operator: only a refresh token that is good can be exchanged, so whoever is not among the answers is alive.
   * @returns those that did not come to it
   */
  async settled(): Promise<Unhealthy[]> {
    const before = await this.generations();
    const patience = performance.now() + ENDED_AFTER_MS;
    const settled = async (): Promise<boolean> => {
      const behind = await this.behind(this.rotating, before);
      const hopeful = behind.filter(({ state }) => state !== 'REAUTHORIZATION_REQUIRED');
      return behind.length === 0 || (hopeful.length === 0 && performance.now() > patience);
    };
    await within(SETTLE_WITHIN_MS, settled, 2_000);
    await Promise.all(
      this.held.map((name) =>
        within(30_000, () => rotate(this.admin, name).then(Boolean, () => false), 1_000),
      ),
    );
    return this.behind([...this.rotating, ...this.held], before);
  }

  private async behind(names: readonly string[], before: ReadonlyMap<string, bigint>): Promise<Unhealthy[]> {
    const now = new Map((await this.list()).map((connection) => [connection.name, connection]));
    return names.flatMap((name) => {
      const found = now.get(name);
      const healthy = found?.state === Connection_State.ACTIVE && found.generation > (before.get(name) ?? 0n);
      if (healthy) return [];
      const state = found === undefined ? 'absent' : (Connection_State[found.state] ?? 'unknown');
      return [{ name, state, lastError: found?.lastError ?? '' }];
    });
  }

  private async generations(): Promise<Map<string, bigint>> {
    for (;;) {
      const listed = await this.list();
      if (listed.length > 0) return new Map(listed.map(({ name, generation }) => [name, generation]));
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  /** All of them; none while the database is away. */
  private async list(): Promise<Connection[]> {
    const list = this.admin.connections.listConnections.bind(this.admin.connections);
    try {
      const request = { pageSize: 1_000, pageToken: '', state: Connection_State.UNSPECIFIED };
      return (await call(list, { ...request, parent: 'clients/-' })).connections;
    } catch {
      return [];
    }
  }

  private async control(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.stack.issuer}/dev/${path}`, {
      method,
      headers: { authorization: `Bearer ${this.stack.controlToken}` },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}
