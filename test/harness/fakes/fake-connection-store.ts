import {
  BrokerError,
  nextState,
  reauthorizeAt,
  type AuthorizationRequest,
  type AuthorizationRequestStore,
  type CompletedAuthorization,
  type Connection,
  type ConnectionEvent,
  type ConnectionName,
  type ConnectionPage,
  type ConnectionStore,
  type NewConnection,
  type ReauthorizationQuery,
} from '#libs/core';
import { setOrForget, type Draft } from './apply-save.js';
import type { FakeDatabase, FakeRow } from './fake-database.js';

/** `ConnectionStore` and `AuthorizationRequestStore` in memory. */
export class FakeConnectionStore implements ConnectionStore, AuthorizationRequestStore {
  /** Happens before each try to complete an authorization: whoever gets in between. */
  meanwhile: () => void = () => undefined;
  private readonly requests = new Map<string, AuthorizationRequest>();

  constructor(private readonly database: FakeDatabase) {}

  async create(given: NewConnection): Promise<Connection> {
    return this.database.run('administer', () => {
      if (this.rowOf(given)) throw BrokerError.of('ALREADY_EXISTS', 'It exists already.');
      const { due, ...rest } = given;
      const now = this.database.clock.now();
      const connection: Connection = {
        ...rest,
        ...(due ? { dueAt: now } : {}),
        authorizationEpoch: 0,
        failureCount: 0,
        revision: 1,
        createdAt: now,
        updatedAt: now,
      };
      return this.database.add(connection).connection;
    });
  }

  async findConnection(name: ConnectionName): Promise<Connection | undefined> {
    return this.database.run('administer', () => this.rowOf(name)?.connection);
  }

  async list(): Promise<ConnectionPage> {
    return this.database.run('administer', () => ({
      connections: [...this.database.rows.values()].map(({ connection }) => connection),
      nextPageToken: '',
    }));
  }

  async listReauthorizations(query: ReauthorizationQuery): Promise<ConnectionPage> {
    return this.database.run('administer', () => {
      const timeOf = (connection: Connection): number => reauthorizeAt(connection) ?? Infinity;
      const found = [...this.database.rows.values()]
        .map(({ connection }) => connection)
        .filter((one) => timeOf(one) <= this.database.clock.now() + query.withinMs)
        .filter(({ clientId }) => query.clientId === undefined || clientId === query.clientId)
        .sort((a, b) => timeOf(a) - timeOf(b) || (a.uid < b.uid ? -1 : 1));
      const start = Number(query.pageToken);
      const end = start + query.pageSize;
      return { connections: found.slice(start, end), nextPageToken: end < found.length ? String(end) : '' };
    });
  }

  async transition(uid: string, event: ConnectionEvent): Promise<Connection | undefined> {
    return this.database.run('administer', async () => {
      const row = this.database.row(uid);
      (await row.lock.acquire())();
      const draft: Draft = { ...row.connection };
      const next = nextState(draft.state, event, draft.stateBeforePause);
      if (next === undefined) return undefined;
      delete draft.stateBeforePause;
      if (event === 'paused') draft.stateBeforePause = draft.state;
      draft.state = next;
      draft.revision += 1;
      row.connection = draft;
      return draft;
    });
  }

  async completeAuthorization(done: CompletedAuthorization): Promise<Connection | undefined> {
    return this.database.run('administer', async () => {
      this.meanwhile();
      const row = this.database.row(done.uid);
      (await row.lock.acquire())();
      const draft: Draft = { ...row.connection };
      if (draft.generation !== done.fromGeneration || draft.authorizationEpoch !== done.fromEpoch)
        return undefined;
      draft.state = nextState(draft.state, 'authorized') ?? draft.state;
      for (const key of ['stateBeforePause', 'attempt', 'notBefore', 'lastError'] as const) delete draft[key];
      if (done.subject !== undefined) draft.subject = done.subject;
      Object.assign(draft, {
        generation: done.accessToken.generation,
        refreshToken: done.refreshToken,
        scopes: done.scopes,
        authorizationEpoch: draft.authorizationEpoch + 1,
        dueAt: done.dueAt,
        failureCount: 0,
        expiresAt: done.accessToken.expiresAt,
        tokenTtlMs: done.tokenTtlMs,
        revision: draft.revision + 1,
      } satisfies Partial<Connection>);
      for (const field of ['authorizedAt', 'refreshExpiresAt', 'authorizationExpiresAt'] as const) {
        setOrForget(draft, field, done[field]);
      }
      row.connection = draft;
      row.lastAttemptId = undefined;
      row.tokens.clear();
      row.tokens.set(done.accessToken.variantKey, done.accessToken);
      return draft;
    });
  }

  async addRequest(request: AuthorizationRequest): Promise<void> {
    await this.database.run('administer', () => this.requests.set(request.stateHash, request));
  }

  async takeRequest(
    stateHash: string,
  ): Promise<{ request: AuthorizationRequest; connection: Connection } | undefined> {
    return this.database.run('administer', () => {
      const request = this.requests.get(stateHash);
      this.requests.delete(stateHash);
      if (!request || request.expiresAt <= this.database.clock.now()) return undefined;
      return { request, connection: this.database.row(request.connectionUid).connection };
    });
  }

  private rowOf(name: ConnectionName): FakeRow | undefined {
    return [...this.database.rows.values()].find(
      ({ connection }) =>
        connection.clientId === name.clientId && connection.connectionId === name.connectionId,
    );
  }
}
