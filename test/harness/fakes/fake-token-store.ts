import type { ConnectionName, ConnectionWithTokens, TokenStore } from '#libs/core';
import type { FakeDatabase, FakeRow } from './fake-database.js';

/** `TokenStore` in memory. */
export class FakeTokenStore implements TokenStore {
  constructor(private readonly database: FakeDatabase) {}

  async findByName(name: ConnectionName): Promise<ConnectionWithTokens | undefined> {
    return this.database.run('findByName', () => {
      const row = [...this.database.rows.values()].find(
        ({ connection }) =>
          connection.clientId === name.clientId && connection.connectionId === name.connectionId,
      );
      return row && withTokens(row);
    });
  }

  async findByUids(uids: readonly string[]): Promise<ConnectionWithTokens[]> {
    return this.database.run('findByUids', () =>
      uids.flatMap((uid) => this.database.rows.get(uid) ?? []).map(withTokens),
    );
  }
}

function withTokens({ connection, tokens }: FakeRow): ConnectionWithTokens {
  return { connection, tokens: [...tokens.values()] };
}
