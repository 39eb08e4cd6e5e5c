import type { DataSource } from 'typeorm';
import type { ConnectionName, ConnectionWithTokens, TokenStore } from '#libs/core';
import { toConnection, toStoredAccessToken, type AccessTokenJson } from '../mapping.js';
import type { ConnectionRow } from '../rows.js';
import { translated } from '../store-errors.js';

/** One statement, so that a connection and its tokens are of one moment. */
const SELECT = `
  SELECT c.*, coalesce((
    SELECT jsonb_agg(to_jsonb(t)) FROM token_broker.access_token t WHERE t.connection_uid = c.uid
  ), '[]') AS tokens
  FROM token_broker.connection c`;

type Row = ConnectionRow & { tokens: AccessTokenJson[] };

/** Reads what can be handed out. */
export class PostgresTokenStore implements TokenStore {
  constructor(private readonly source: DataSource) {}

  async findByName(name: ConnectionName): Promise<ConnectionWithTokens | undefined> {
    const [found] = await this.select('c.client_id = $1 AND c.id = $2', [name.clientId, name.connectionId]);
    return found;
  }

  async findByUids(uids: readonly string[]): Promise<ConnectionWithTokens[]> {
    return this.select('c.uid = ANY ($1)', [uids]);
  }

  private async select(where: string, parameters: unknown[]): Promise<ConnectionWithTokens[]> {
    const rows = await translated(() => this.source.query<Row[]>(`${SELECT} WHERE ${where}`, parameters));
    return rows.map((row) => ({
      connection: toConnection(row),
      tokens: row.tokens.map(toStoredAccessToken),
    }));
  }
}
