import type { Connection, StoredAccessToken } from '../connection/connection.js';
import type { ConnectionName } from '../resource-names.js';

/** A connection with the access tokens stored for it. */
export interface ConnectionWithTokens {
  readonly connection: Connection;
  readonly tokens: readonly StoredAccessToken[];
}

/** Reads what can be handed out. Every method throws `StoreUnavailableError` where the database is away. */
export interface TokenStore {
  findByName(name: ConnectionName): Promise<ConnectionWithTokens | undefined>;
  findByUids(uids: readonly string[]): Promise<ConnectionWithTokens[]>;
}

/** Makes the link at which a user grants an authorization again. */
export interface ReconnectLinks {
  /** `undefined` where no user can: service accounts by client credentials. */
  reconnectUri(connection: Connection): Promise<string | undefined>;
}
