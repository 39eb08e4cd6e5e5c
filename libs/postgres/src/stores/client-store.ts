import type { DataSource } from 'typeorm';
import type { Canary, ClientAuthMethod, ClientRow, ClientStore, OAuthClient, Sealed } from '#libs/core';
import { toFreeze } from '../mapping.js';
import { OAuthClientRow } from '../rows.js';
import { refusing, translated } from '../store-errors.js';
import { followLifetimes } from './lifetimes-sql.js';

/** The rows of OAuth clients. */
export class PostgresClientStore implements ClientStore {
  constructor(private readonly source: DataSource) {}

  async createClient(client: ClientRow): Promise<OAuthClient> {
    return refusing({ unique: `clients/${client.id} exists already.` }, async () => {
      await this.source.getRepository(OAuthClientRow).insert(toColumns(client));
      const row = await this.source.getRepository(OAuthClientRow).findOneByOrFail({ uid: client.uid });
      return toOAuthClient(row);
    });
  }

  async replaceClient(
    client: ClientRow,
    fromRevision: number,
    needsCanary: boolean,
  ): Promise<OAuthClient | undefined> {
    return translated(() =>
      this.source.transaction(async (manager) => {
        const before = await manager.findOneBy(OAuthClientRow, { uid: client.uid });
        const { affected } = await manager.update(
          OAuthClientRow,
          { uid: client.uid, revision: String(fromRevision) },
          {
            ...toColumns(client),
            // One of a thaw asks for more than one of a change.
            ...(needsCanary ? { canary: () => `coalesce(canary, 'changed')` } : {}),
            revision: () => 'revision + 1',
            updated_at: () => 'now()',
          },
        );
        if (!affected || !before) return undefined;
        // What failed under the old settings is worth a try under the new ones, without waiting out its
        // backoff.
        await manager.query(
          `UPDATE token_broker.connection SET due_at = now(), not_before = NULL, revision = revision + 1
           WHERE client_id = $1 AND state = 'ACTIVE' AND failure_count > 0 AND attempt_id IS NULL`,
          [client.id],
        );
        const after = await manager.findOneByOrFail(OAuthClientRow, { uid: client.uid });
        await followLifetimes(manager, before, after);
        return toOAuthClient(after);
      }),
    );
  }

  async deleteClient(id: string): Promise<boolean> {
    const foreignKey = {
      reason: 'CLIENT_IN_USE' as const,
      message: `clients/${id} still has connections, which would lose their authorization server with it.`,
    };
    return refusing({ foreignKey }, async () => {
      const { affected } = await this.source.getRepository(OAuthClientRow).delete({ id });
      return (affected ?? 0) > 0;
    });
  }
}

/** A row as the domain sees it. */
export function toOAuthClient(row: OAuthClientRow): OAuthClient {
  const freeze = toFreeze(row);
  return {
    uid: row.uid,
    id: row.id,
    issuer: row.issuer,
    clientId: row.client_id,
    authMethod: row.auth_method as ClientAuthMethod,
    scopes: row.scopes,
    profile: row.profile,
    rotateAt: row.rotate_at,
    defaultTokenTtlMs: Number(row.default_token_ttl_ms),
    ratePerSecond: row.rate_per_second,
    maxConcurrent: row.max_concurrent,
    revision: Number(row.revision),
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
    ...(freeze ? { freeze } : {}),
    ...(row.canary === null ? {} : { canary: row.canary as Canary }),
    ...(row.endpoints === null ? {} : { endpoints: row.endpoints }),
    ...(row.sealed_client_secret === null ? {} : { clientSecret: row.sealed_client_secret as Sealed }),
    ...(row.profile_settings === null ? {} : { profileSettings: row.profile_settings }),
    ...(row.refresh_token_idle_ttl_ms === null
      ? {}
      : { refreshTokenIdleTtlMs: Number(row.refresh_token_idle_ttl_ms) }),
    ...(row.authorization_ttl_ms === null ? {} : { authorizationTtlMs: Number(row.authorization_ttl_ms) }),
  };
}

function toColumns(client: ClientRow): Omit<
  OAuthClientRow,
  | 'endpoints'
  | 'revision'
  | 'created_at'
  | 'updated_at'
  | 'frozen_at'
  | 'frozen_reason'
  | 'frozen_by'
  | 'canary'
> & {
  endpoints: NonNullable<OAuthClientRow['endpoints']> | null;
} {
  return {
    uid: client.uid,
    id: client.id,
    issuer: client.issuer,
    endpoints: client.endpoints ?? null,
    client_id: client.clientId,
    auth_method: client.authMethod,
    sealed_client_secret: client.clientSecret ?? null,
    scopes: [...client.scopes],
    profile: client.profile,
    rotate_at: client.rotateAt,
    default_token_ttl_ms: String(client.defaultTokenTtlMs),
    profile_settings: client.profileSettings ?? null,
    refresh_token_idle_ttl_ms: client.refreshTokenIdleTtlMs?.toFixed() ?? null,
    authorization_ttl_ms: client.authorizationTtlMs?.toFixed() ?? null,
    rate_per_second: client.ratePerSecond,
    max_concurrent: client.maxConcurrent,
  };
}
