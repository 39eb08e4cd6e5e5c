import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Who the replicas are, and what the database knows about itself.
 *
 * `attempt_number` numbers all attempts of the installation. What a replica has seen of it stays in its spool:
 * a database that stands at a lower number has been put back. `connection.doubt_…` says whose answer a doubt
 * is about, and which spool may still have it.
 */
export class ReplicasAndGuards1764000400000 implements MigrationInterface {
  readonly name = 'ReplicasAndGuards1764000400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE SEQUENCE token_broker.attempt_number`);
    await runner.query(`
      CREATE TABLE token_broker.replica (
        spool_id uuid PRIMARY KEY,
        name text NOT NULL,
        boot_id uuid NOT NULL,
        heartbeat bigint NOT NULL DEFAULT 0,
        timeline bigint NOT NULL,
        trouble text,
        started_at timestamptz NOT NULL DEFAULT now(),
        last_seen_at timestamptz NOT NULL DEFAULT now(),
        admitted_at timestamptz,
        admitted_by text,
        ended_at timestamptz,
        lost_at timestamptz,
        lost_by text
      )`);
    await runner.query(`
      ALTER TABLE token_broker.installation
        ADD COLUMN system_identifier text,
        ADD COLUMN frozen_at timestamptz,
        ADD COLUMN frozen_reason text,
        ADD COLUMN frozen_detail text,
        ADD COLUMN frozen_by text,
        ADD COLUMN attempt_floor bigint NOT NULL DEFAULT 0,
        ADD COLUMN thaws bigint NOT NULL DEFAULT 0,
        ADD COLUMN thawed_at timestamptz,
        ADD COLUMN thawed_by text`);
    await runner.query(`
      ALTER TABLE token_broker.connection
        ADD COLUMN attempt_spool_id uuid,
        ADD COLUMN attempt_boot_id uuid,
        ADD COLUMN attempt_number bigint,
        ADD COLUMN doubt_attempt_id uuid,
        ADD COLUMN doubt_spool_id uuid,
        ADD COLUMN doubted_at timestamptz`);
    await runner.query(`
      UPDATE token_broker.connection
      SET doubt_attempt_id = last_attempt_id, doubted_at = coalesce(last_error_at, now())
      WHERE 'IN_DOUBT' IN (state, state_before_pause)`);
    await runner.query(`
      CREATE INDEX connection_doubt_spool ON token_broker.connection (doubt_spool_id)
        WHERE doubt_spool_id IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE token_broker.connection
        DROP COLUMN attempt_spool_id, DROP COLUMN attempt_boot_id, DROP COLUMN attempt_number,
        DROP COLUMN doubt_attempt_id, DROP COLUMN doubt_spool_id, DROP COLUMN doubted_at`);
    await runner.query(`
      ALTER TABLE token_broker.installation
        DROP COLUMN system_identifier, DROP COLUMN frozen_at, DROP COLUMN frozen_reason,
        DROP COLUMN frozen_detail, DROP COLUMN frozen_by, DROP COLUMN attempt_floor, DROP COLUMN thaws,
        DROP COLUMN thawed_at, DROP COLUMN thawed_by`);
    await runner.query(`DROP TABLE token_broker.replica`);
    await runner.query(`DROP SEQUENCE token_broker.attempt_number`);
  }
}
