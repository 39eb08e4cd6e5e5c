import {
  sealingContext,
  type Connection,
  type OAuthClient,
  type RotationChange,
  type RotationTimings,
  type Secret,
  type StoredAccessToken,
} from '#libs/core';
import { CollectedEvents } from './collected-events.js';
import { FakeAuthorizationServer } from './fake-authorization-server.js';
import { FakeClock } from './fake-clock.js';
import { FakeDatabase } from './fake-database.js';
import { FakeReplica } from './fake-replica.js';
import { FakeSealer } from './fake-sealer.js';
import { sampleClient, sampleConnection } from './samples.js';

/** What all replicas share: one database, one authorization server, one key ring, one clock. */
export class FakeWorld {
  readonly clock = new FakeClock();
  readonly database = new FakeDatabase(this.clock);
  readonly server = new FakeAuthorizationServer();
  readonly sealer = new FakeSealer();
  readonly events = new CollectedEvents();
  readonly clients = new Map<string, OAuthClient>([['c', sampleClient()]]);
  readonly timings: RotationTimings = { exchangeTimeoutMs: 20_000, attemptDeadlineMs: 60_000 };

  /** One more replica. */
  replica(name = 'replica-1'): FakeReplica {
    return new FakeReplica(this, name);
  }

  /** Adds a user's connection with generation 1 and a refresh token that the server has issued. */
  async addConnection(fields: Partial<Connection> = {}): Promise<Connection> {
    const uid = fields.uid ?? `uid-${this.database.rows.size + 1}`;
    const connectionId = `u${this.database.rows.size + 1}`;
    const connection = sampleConnection({ uid, connectionId, dueAt: this.clock.now(), ...fields });
    if (connection.grantType === 'client_credentials') {
      return this.database.add({ ...connection, subjectKind: 'SERVICE_ACCOUNT', generation: 0, ...fields })
        .connection;
    }
    const context = sealingContext.refreshToken(uid, connection.generation);
    const refreshToken = await this.sealer.seal(this.server.begin(), context);
    return this.database.add({ refreshToken, ...connection }).connection;
  }

  /** Puts an access token into a connection's row, as an earlier rotation would have left it. */
  async addAccessToken(
    uid: string,
    lifeMs: number,
    fields: Partial<StoredAccessToken> = {},
  ): Promise<Secret> {
    const { generation } = this.database.row(uid).connection;
    const requestedAt = this.clock.now();
    const { variantKey } = { variantKey: '', ...fields };
    const token = this.server.accessToken();
    const stored: StoredAccessToken = {
      variantKey,
      token: await this.sealer.seal(token, sealingContext.accessToken(uid, variantKey, generation)),
      tokenType: 'Bearer',
      scopes: ['a', 'b'],
      resource: '',
      generation,
      requestedAt,
      expiresAt: requestedAt + lifeMs,
      ...fields,
    };
    const row = this.database.row(uid);
    row.tokens.set(variantKey, stored);
    this.database.patch(uid, {
      tokenTtlMs: lifeMs,
      ...(variantKey === '' ? { expiresAt: stored.expiresAt } : {}),
    });
    return token;
  }

  /** The refresh token of a connection's row, opened at the place where it lies. */
  async storedRefreshToken(uid: string): Promise<Secret> {
    const { refreshToken, generation } = this.database.row(uid).connection;
    if (!refreshToken) throw new Error('no refresh token stored');
    return this.sealer.open(refreshToken, sealingContext.refreshToken(uid, generation));
  }

  /** The connection as the database has it. */
  connection(uid = 'uid-1'): Connection {
    return this.database.row(uid).connection;
  }

  /** Opens the refresh token in a change that is not saved yet. */
  async pendingRefreshToken(uid: string, change: RotationChange): Promise<Secret | undefined> {
    if (change.kind !== 'rotated' || !change.refreshToken) return undefined;
    return this.sealer.open(change.refreshToken, sealingContext.refreshToken(uid, change.generation));
  }
}
