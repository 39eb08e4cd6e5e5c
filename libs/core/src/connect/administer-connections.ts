import { randomUUID } from 'node:crypto';
import type { Workload } from '../access/access.js';
import { requireRole } from '../access/require-role.js';
import type { Clock } from '../clock.js';
import type { Connection, SubjectKind } from '../connection/connection.js';
import { refusalForState, serverDown } from '../connection/refusals.js';
import type { ConnectionState } from '../connection/state.js';
import { checkScopes, DEFAULT_VARIANT } from '../connection/variant.js';
import { BrokerError } from '../errors.js';
import type { BrokerEvent, EventSink } from '../events.js';
import type { OAuthClient } from '../oauth-client/oauth-client.js';
import { checkSegment, connectionName, type ConnectionName } from '../resource-names.js';
import type { ClientSource } from '../rotation/ports.js';
import type { DemandRotations } from '../rotation/rotate-on-demand.js';
import { sealingContext, type Sealer } from '../sealer.js';
import type { Secret } from '../secret.js';
import type { ConnectLinks } from './connect-links.js';
import type { ConnectionPage, ConnectionQuery, ConnectionStore, ReauthorizationQuery } from './ports.js';

/** Scopes that make sense for users only (OpenID Connect Core section 11). */
const USER_SCOPES = new Set(['openid', 'offline_access', 'profile', 'email']);

/** What it needs. */
export interface ConnectionAdministrationParts {
  readonly store: ConnectionStore;
  readonly clients: ClientSource;
  readonly links: ConnectLinks;
  readonly demand: DemandRotations;
  readonly sealer: Sealer;
  readonly events: EventSink;
  readonly clock: Clock;
}

/**
 * What operators do with connections. Every method throws a `BrokerError` for what it refuses, and
 * `StoreUnavailableError` where the database is away.
 */
export class ConnectionAdministration {
  constructor(private readonly parts: ConnectionAdministrationParts) {}

  /** Creates the connection where it does not exist, and makes the link at which its user grants it. */
  async startAuthorization(
    caller: Workload,
    name: ConnectionName,
    wishes: { readonly scopes: readonly string[]; readonly loginHint: string },
  ): Promise<{ connection: Connection; uri: string; expiresAt: number }> {
    requireRole(caller, 'OPERATOR');
    checkScopes(wishes.scopes);
    const client = await this.clientOf(name.clientId);
    const connection =
      (await this.parts.store.findConnection(name)) ??
      (await this.create(caller, 'created', {
        ...name,
        state: 'REAUTHORIZATION_REQUIRED',
        subjectKind: 'USER',
        grantType: 'refresh_token',
        scopes: wishes.scopes.length > 0 ? wishes.scopes : client.scopes,
        due: false,
      }));
    if (connection.grantType === 'client_credentials') {
      throw BrokerError.of(
        'STATE_CONFLICT',
        `${connectionName(name)} is a service account by client credentials; no user can authorize it.`,
      );
    }
    const link = await this.parts.links.link(connection, {
      ...(wishes.scopes.length > 0 ? { scopes: wishes.scopes } : {}),
      ...(wishes.loginHint ? { loginHint: wishes.loginHint } : {}),
    });
    return { connection, ...link };
  }

  /** Creates a service account's connection by client credentials; its first token is fetched at once. */
  async createServiceAccount(
    caller: Workload,
    name: ConnectionName,
    scopes: readonly string[],
  ): Promise<Connection> {
    requireRole(caller, 'OPERATOR');
    checkScopes(scopes);
    const client = await this.clientOf(name.clientId);
    if (client.authMethod === 'none') {
      throw BrokerError.of(
        'INVALID_REQUEST',
        `clients/${client.id} is a public client; client credentials need a client secret (RFC 6749 section 4.4).`,
      );
    }
    return this.create(caller, 'created', {
      ...name,
      state: 'ACTIVE',
      subjectKind: 'SERVICE_ACCOUNT',
      grantType: 'client_credentials',
      scopes: scopes.length > 0 ? scopes : client.scopes.filter((scope) => !USER_SCOPES.has(scope)),
      due: true,
    });
  }

  /** Takes over an existing refresh token; it is rotated at once. */
  async importRefreshToken(
    caller: Workload,
    name: ConnectionName,
    given: {
      readonly refreshToken: Secret;
      readonly subjectKind: SubjectKind;
      readonly subject: string;
      readonly scopes: readonly string[];
      /** When its user authorized it, where that is known. */
      readonly authorizedAt?: number;
    },
  ): Promise<Connection> {
    requireRole(caller, 'OPERATOR');
    checkScopes(given.scopes);
    if (given.refreshToken.reveal().trim() === '') {
      throw BrokerError.of('INVALID_REQUEST', 'refresh_token is empty. Give the refresh token to take over.');
    }
    const { authorizedAt } = given;
    if (authorizedAt !== undefined && authorizedAt > this.parts.clock.now()) {
      throw BrokerError.of('INVALID_REQUEST', 'authorize_time is in the future.');
    }
    const client = await this.clientOf(name.clientId);
    const uid = randomUUID();
    const generation = 1;
    return this.create(caller, 'imported', {
      ...name,
      uid,
      state: 'ACTIVE',
      subjectKind: given.subjectKind,
      ...(given.subject ? { subject: given.subject } : {}),
      grantType: 'refresh_token',
      generation,
      refreshToken: await this.parts.sealer.seal(
        given.refreshToken,
        sealingContext.refreshToken(uid, generation),
      ),
      scopes: given.scopes.length > 0 ? given.scopes : client.scopes,
      due: true,
      ...(authorizedAt === undefined ? {} : { authorizedAt }),
      ...(authorizedAt === undefined || client.authorizationTtlMs === undefined
        ? {}
        : { authorizationExpiresAt: authorizedAt + client.authorizationTtlMs }),
    });
  }

  /** One connection. */
  async get(caller: Workload, name: ConnectionName): Promise<Connection> {
    requireRole(caller, 'READER');
    return this.existing(name);
  }

  /** A page of connections. */
  async list(caller: Workload, query: ConnectionQuery): Promise<ConnectionPage> {
    requireRole(caller, 'READER');
    return this.parts.store.list(query);
  }

  /** A page of the connections that will need their user within a time, and of those that do already. */
  async listReauthorizations(caller: Workload, query: ReauthorizationQuery): Promise<ConnectionPage> {
    requireRole(caller, 'READER');
    return this.parts.store.listReauthorizations(query);
  }

  /**
   * Rotates now and waits for the outcome.
   * @param deadline a {@link Clock.monotonic} instant
   */
  async rotate(caller: Workload, name: ConnectionName, deadline: number): Promise<Connection> {
    requireRole(caller, 'OPERATOR');
    const before = await this.existing(name);
    const result = await this.parts.demand.rotate(
      before.uid,
      DEFAULT_VARIANT,
      'operator',
      () => deadline,
      async (row) => (rotatedSince(before, row) ? row : undefined),
    );
    if ('adopted' in result) return result.adopted;
    if ('refusal' in result) throw new BrokerError(result.refusal);
    const { outcome } = result;
    if (outcome.kind === 'rotated') return this.existing(name);
    if (outcome.kind !== 'superseded' && outcome.change.kind !== 'denied') {
      const { change } = outcome;
      const { lastError } = change;
      const next = change.kind === 'released' ? change.notBefore : change.probeAt;
      throw new BrokerError(serverDown(lastError.code, lastError.description, next - this.parts.clock.now()));
    }
    const after = await this.existing(name);
    const refusal = refusalForState(after);
    if (refusal) throw new BrokerError(refusal);
    return after;
  }

  /** Stops rotating and handing out, and keeps the tokens. */
  async pause(caller: Workload, name: ConnectionName): Promise<Connection> {
    return this.transition(caller, name, 'paused');
  }

  /** Ends a pause. */
  async resume(caller: Workload, name: ConnectionName): Promise<Connection> {
    return this.transition(caller, name, 'resumed');
  }

  private async transition(
    caller: Workload,
    name: ConnectionName,
    event: 'paused' | 'resumed',
  ): Promise<Connection> {
    requireRole(caller, 'OPERATOR');
    const before = await this.existing(name);
    const after = await this.parts.store.transition(before.uid, event);
    if (!after) {
      throw BrokerError.of(
        'STATE_CONFLICT',
        `${connectionName(name)} is ${before.state} and cannot be ${event}.`,
      );
    }
    this.tell(caller, after, event);
    return after;
  }

  private async create(
    caller: Workload,
    what: 'created' | 'imported',
    given: ConnectionName & {
      readonly uid?: string;
      readonly state: ConnectionState;
      readonly subjectKind: SubjectKind;
      readonly subject?: string;
      readonly grantType: Connection['grantType'];
      readonly generation?: number;
      readonly refreshToken?: NonNullable<Connection['refreshToken']>;
      readonly scopes: readonly string[];
      readonly due: boolean;
      readonly authorizedAt?: number;
      readonly authorizationExpiresAt?: number;
    },
  ): Promise<Connection> {
    checkSegment(given.connectionId, "a connection's id");
    const created = await this.parts.store.create({ uid: randomUUID(), generation: 0, ...given });
    this.tell(caller, created, what);
    return created;
  }

  private tell(
    caller: Workload,
    connection: Connection,
    what: Extract<BrokerEvent, { type: 'connection.changed' }>['what'],
  ): void {
    this.parts.events.emit({
      type: 'connection.changed',
      connection: connectionName(connection),
      state: connection.state,
      by: caller.id,
      what,
    });
  }

  private async existing(name: ConnectionName): Promise<Connection> {
    const connection = await this.parts.store.findConnection(name);
    if (!connection) {
      throw BrokerError.of('CONNECTION_NOT_FOUND', `${connectionName(name)} does not exist.`);
    }
    return connection;
  }

  private async clientOf(clientId: string): Promise<OAuthClient> {
    const client = await this.parts.clients.client(clientId);
    if (!client) {
      throw BrokerError.of(
        'NOT_FOUND',
        `clients/${clientId} does not exist. Register the OAuth client first.`,
      );
    }
    return client;
  }
}

function rotatedSince(before: Connection, row: Connection): boolean {
  return row.generation > before.generation || (row.lastRotatedAt ?? 0) > (before.lastRotatedAt ?? 0);
}
