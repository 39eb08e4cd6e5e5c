import {
  sealingContext,
  type Connection,
  type RotationChange,
  type Secret,
  type StoredAccessToken,
} from '#libs/core';
import { FakeReplica } from './fake-replica.js';
import { FakeSurroundings } from './fake-surroundings.js';
import { sampleConnection } from './samples.js';

/** The surroundings, with what tests put into them and look at. */
export class FakeWorld extends FakeSurroundings {
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
