import { setTimeout as delay } from 'node:timers/promises';
import { call, type BrokerConnection } from '#libs/client';
import { Client_AuthMethod, Client_Canary } from '#proto/tokenbroker/v1/client_service';
import { DevelopmentStack } from '../../../apps/dev/src/stack.js';
import { connectAs } from '../../../apps/dev-as/src/index.js';
import { READER, type Fleet } from '../fleet/fleet.js';
import type { Journal } from '../fleet/journal.js';
import { CLIENTS } from '../fleet/timings.js';

/** One user with one connection; the login is its subject at the authorization server, and nobody else's. */
export interface User {
  readonly login: string;
  readonly connection: string;
}

/** So many users, in turn with each OAuth client. */
export function usersFor(connections: number): User[] {
  return Array.from({ length: connections }, (_, i) => {
    const login = `u${String(i + 1).padStart(3, '0')}`;
    const { name } = CLIENTS[i % CLIENTS.length] ?? CLIENTS[0];
    return { login, connection: `clients/${name}/connections/${login}` };
  });
}

const LOOK_EVERY_MS = 200;
const JOURNEYS_AT_ONCE = 6;
/** A page that does not come in this time does not come: its replica stands still. */
const PAGE_MS = 4_000;

/** Scripted users: they connect once, and again whenever their connection says that it needs them. */
export class Users {
  private readonly busy = new Set<string>();
  private readonly logins: ReadonlyMap<string, string>;
  private looking: Promise<void> | undefined;
  private stopped = false;
  /** How often a user has connected again. */
  reconnected = 0;

  constructor(
    private readonly fleet: Fleet,
    private readonly journal: Journal,
    private readonly users: readonly User[],
  ) {
    this.logins = new Map(users.map(({ login, connection }) => [connection, login]));
  }

  /** Registers the OAuth clients, the reader and its rule, and connects everybody for the first time. */
  async begin(): Promise<void> {
    const admin = this.adminOfSomebody();
    if (!admin) throw new Error('No broker serves.');
    for (const client of CLIENTS) await register(this.fleet, admin, client);
    await registerReader(admin);
    // The other replicas hear of it within a moment.
    await delay(1_500);
    const left = [...this.users];
    const worker = async (): Promise<void> => {
      for (let user = left.shift(); user; user = left.shift())
        await this.connect(user.connection, user.login);
    };
    await Promise.all(Array.from({ length: JOURNEYS_AT_ONCE }, worker));
    this.looking = this.look();
  }

  /** Nobody connects again from now on. */
  giveUp(): void {
    this.stopped = true;
  }

  /** As {@link giveUp}; resolves when the journeys under way have ended. */
  async stop(): Promise<void> {
    this.giveUp();
    await this.looking;
    while (this.busy.size > 0) await delay(50);
  }

  private async look(): Promise<void> {
    while (!this.stopped) {
      await delay(LOOK_EVERY_MS);
      try {
        for (const { connection, state } of await this.fleet.audit.now()) {
          const login = this.logins.get(connection);
          if (state !== 'REAUTHORIZATION_REQUIRED' || login === undefined) continue;
          if (this.busy.has(connection) || this.busy.size >= JOURNEYS_AT_ONCE) continue;
          this.busy.add(connection);
          void this.connectAgain(connection, login);
        }
      } catch {
        // The database is away. They wait.
      }
    }
  }

  private async connectAgain(connection: string, login: string): Promise<void> {
    try {
      const admin = this.adminOfSomebody();
      if (!admin) return;
      await journey(admin, connection, login);
      this.reconnected += 1;
    } catch (error) {
      // A fault was in the way. The next look finds it again.
      this.journal.note('a user could not connect', { connection, error: firstLine(error) });
      await delay(300);
    } finally {
      this.busy.delete(connection);
    }
  }

  private async connect(connection: string, login: string): Promise<void> {
    const admin = this.adminOfSomebody();
    if (!admin) throw new Error('No broker serves.');
    await journey(admin, connection, login);
  }

  private turn = 0;

  private adminOfSomebody(): BrokerConnection | undefined {
    const awake = this.fleet.serving.filter((replica) => !replica.standsStill);
    this.turn += 1;
    return awake[this.turn % Math.max(awake.length, 1)]?.callers?.admin;
  }
}

/** The way of a browser: from the broker's link through the authorization server's pages and back. */
async function journey(admin: BrokerConnection, name: string, login: string): Promise<void> {
  const link = await call(
    admin.connections.startAuthorization.bind(admin.connections),
    { name, scopes: [], loginHint: '' },
    PAGE_MS,
  );
  const { status, body } = await connectAs(link.authorizationUri, {
    login,
    fetch: (url, init) => fetch(url, { ...init, signal: AbortSignal.timeout(PAGE_MS) }),
  });
  if (status === 200 && body.includes('Connected')) return;
  throw new Error(`ended at ${status}: ${body.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ')}`);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]?.slice(0, 300) ?? '';
}

async function register(
  fleet: Fleet,
  admin: BrokerConnection,
  { name, clientId, rotateAt, tokenTtlSeconds }: (typeof CLIENTS)[number],
): Promise<void> {
  await call(admin.clients.createClient.bind(admin.clients), {
    clientId: name,
    client: {
      name: '',
      issuer: fleet.server.issuer,
      endpoints: undefined,
      clientId,
      authMethod: Client_AuthMethod.CLIENT_SECRET_BASIC,
      clientSecret: fleet.clientSecret(clientId),
      scopes: ['openid', 'offline_access', 'sf/software_development'],
      profile: 'indicium',
      profileSettings: undefined,
      effectiveProfile: undefined,
      refreshTokenIdleTtl: undefined,
      authorizationTtl: undefined,
      // The faults are the matter here: budgets are to let everything through.
      ratePerSecond: 1_000,
      maxConcurrent: 1_000,
      freeze: undefined,
      canary: Client_Canary.UNSPECIFIED,
      rotateAt,
      redirectUri: '',
      // For answers that do not say.
      defaultTokenTtl: { seconds: BigInt(tokenTtlSeconds), nanos: 0 },
      createTime: undefined,
      updateTime: undefined,
    },
  });
}

async function registerReader(admin: BrokerConnection): Promise<void> {
  await call(admin.access.createWorkload.bind(admin.access), {
    workloadId: READER,
    workload: {
      name: '',
      identities: [DevelopmentStack.identityOf(READER)],
      roles: [],
      createTime: undefined,
    },
  });
  await call(admin.access.createAccessRule.bind(admin.access), {
    accessRuleId: READER,
    accessRule: {
      name: '',
      workload: `workloads/${READER}`,
      connectionPattern: 'clients/*/connections/*',
      createTime: undefined,
    },
  });
}
