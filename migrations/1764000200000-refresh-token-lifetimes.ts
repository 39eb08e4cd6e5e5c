import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The lives of refresh tokens and authorizations, as configured and as known, and when each connection needs its
 * user: `reauthorize_at` is what `reauthorizeAt` of libs/core says. It is a column, so that it can be listed in
 * its order and counted from an index. Adding it rewrites the table of connections.
 */
export class RefreshTokenLifetimes1764000200000 implements MigrationInterface {
  readonly name = 'RefreshTokenLifetimes1764000200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE token_broker.oauth_client
        ADD COLUMN refresh_token_idle_ttl_ms bigint,
        ADD COLUMN authorization_ttl_ms bigint`);
    await runner.query(`
      ALTER TABLE token_broker.connection
        ADD COLUMN authorized_at timestamptz,
        ADD COLUMN refresh_expires_at timestamptz,
        ADD COLUMN authorization_expires_at timestamptz`);
    await runner.query(`
      ALTER TABLE token_broker.connection ADD COLUMN reauthorize_at timestamptz GENERATED ALWAYS AS (
        CASE
          WHEN state = 'REAUTHORIZATION_REQUIRED' THEN coalesce(last_error_at, created_at)
          WHEN state = 'PAUSED' OR (state IN ('ACTIVE', 'IN_DOUBT') AND failure_count > 0)
            THEN least(refresh_expires_at, authorization_expires_at)
          WHEN state IN ('ACTIVE', 'IN_DOUBT') THEN authorization_expires_at
        END) STORED`);
    await runner.query(`
      CREATE INDEX connection_reauthorize ON token_broker.connection (reauthorize_at, uid)
        WHERE reauthorize_at IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE token_broker.connection
        DROP COLUMN reauthorize_at, DROP COLUMN authorized_at,
        DROP COLUMN refresh_expires_at, DROP COLUMN authorization_expires_at`);
    await runner.query(`
      ALTER TABLE token_broker.oauth_client
        DROP COLUMN refresh_token_idle_ttl_ms, DROP COLUMN authorization_ttl_ms`);
  }
}
