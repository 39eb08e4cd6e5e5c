import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The rows that may be claimed; the partial indexes hold only these. */
const CLAIMABLE = `attempt_id IS NULL AND state IN ('ACTIVE', 'IN_DOUBT')`;

/**
 * Budgets of OAuth clients across all replicas, their freeze and their canary. Expand only: the code before
 * goes on running on it. It claims without a budget for as long as it runs, and its index `connection_due`
 * stays for it.
 */
export class Budgets1764000300000 implements MigrationInterface {
  readonly name = 'Budgets1764000300000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE token_broker.oauth_client
        ADD COLUMN rate_per_second double precision NOT NULL DEFAULT 50 CHECK (rate_per_second > 0),
        ADD COLUMN max_concurrent integer NOT NULL DEFAULT 16 CHECK (max_concurrent > 0),
        ADD COLUMN frozen_at timestamptz,
        ADD COLUMN frozen_reason text,
        ADD COLUMN frozen_by text,
        ADD COLUMN denials_accepted_until timestamptz,
        ADD COLUMN canary text CHECK (canary IN ('changed', 'thawed'))`);
    // Those that are there have proved themselves; a new one has to.
    await runner.query(`ALTER TABLE token_broker.oauth_client ALTER COLUMN canary SET DEFAULT 'changed'`);
    await this.budgets(runner);
    // From which state a connection was denied: a denied probe must not be tried a third time.
    await runner.query(`ALTER TABLE token_broker.connection ADD COLUMN denied_from text`);
    await this.indexes(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const index of ['client_due', 'client_expiry', 'client_attempt']) {
      await runner.query(`DROP INDEX token_broker.connection_${index}`);
    }
    await runner.query(`ALTER TABLE token_broker.connection
      RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)`);
    await runner.query(`ALTER TABLE token_broker.connection DROP COLUMN denied_from`);
    await runner.query(`DROP TRIGGER client_budget ON token_broker.oauth_client`);
    await runner.query(`DROP FUNCTION token_broker.add_client_budget()`);
    await runner.query(`DROP TABLE token_broker.client_budget`);
    await runner.query(`
      ALTER TABLE token_broker.oauth_client DROP COLUMN rate_per_second, DROP COLUMN max_concurrent,
        DROP COLUMN frozen_at, DROP COLUMN frozen_reason, DROP COLUMN frozen_by,
        DROP COLUMN denials_accepted_until, DROP COLUMN canary`);
  }

  /**
   * One row for each OAuth client. Whoever claims for a client holds the lock of its row, so that all
   * replicas together keep to one budget. A table of its own: a claim must not count as a change of the
   * directory.
   */
  private async budgets(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE token_broker.client_budget (
        client_id text COLLATE "C" PRIMARY KEY REFERENCES token_broker.oauth_client (id) ON DELETE CASCADE,
        available double precision NOT NULL,
        refilled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        demand_until timestamptz
      ) WITH (fillfactor = 10)`);
    await runner.query(`
      INSERT INTO token_broker.client_budget (client_id, available)
      SELECT id, greatest(1, rate_per_second) FROM token_broker.oauth_client`);
    await runner.query(`
      CREATE FUNCTION token_broker.add_client_budget() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO token_broker.client_budget (client_id, available)
        VALUES (NEW.id, greatest(1, NEW.rate_per_second));
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER client_budget AFTER INSERT ON token_broker.oauth_client
        FOR EACH ROW EXECUTE FUNCTION token_broker.add_client_budget()`);
  }

  private async indexes(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX connection_client_due ON token_broker.connection (client_id, due_at) WHERE ${CLAIMABLE}`);
    await runner.query(`
      CREATE INDEX connection_client_expiry
        ON token_broker.connection (client_id, expires_at NULLS FIRST, due_at) WHERE ${CLAIMABLE}`);
    await runner.query(`
      CREATE INDEX connection_client_attempt ON token_broker.connection (client_id)
        WHERE attempt_id IS NOT NULL`);
    // A queue leaves dead entries at the front of its index: they are to go soon, and not with a fifth of
    // the table (PostgreSQL manual, section 24.1.6).
    await runner.query(`
      ALTER TABLE token_broker.connection
        SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)`);
  }
}
