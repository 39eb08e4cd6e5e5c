import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The first schema. Every secret column is named `sealed_…` and holds ciphertext only.
 *
 * `connection.due_at` is when to act next; a failure moves it on. `planned_at` is when the rotation should
 * have been: what is overdue counts from there.
 */
export class Initial1732406400000 implements MigrationInterface {
  readonly name = 'Initial1732406400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE SCHEMA IF NOT EXISTS token_broker`);
    await runner.query(`
      CREATE TABLE token_broker.installation (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        sealed_check text,
        directory_version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`INSERT INTO token_broker.installation DEFAULT VALUES`);
    await runner.query(`
      CREATE TABLE token_broker.oauth_client (
        uid uuid PRIMARY KEY,
        id text COLLATE "C" NOT NULL UNIQUE,
        issuer text NOT NULL,
        endpoints jsonb,
        client_id text NOT NULL,
        auth_method text NOT NULL,
        sealed_client_secret text,
        scopes text[] NOT NULL,
        profile text NOT NULL,
        rotate_at double precision NOT NULL,
        default_token_ttl_ms bigint NOT NULL,
        revision bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE token_broker.workload (
        id text COLLATE "C" PRIMARY KEY,
        roles text[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE token_broker.workload_identity (
        identity text COLLATE "C" PRIMARY KEY,
        workload_id text COLLATE "C" NOT NULL REFERENCES token_broker.workload ON DELETE CASCADE
      )`);
    await runner.query(
      `CREATE INDEX workload_identity_workload ON token_broker.workload_identity (workload_id)`,
    );
    await runner.query(`
      CREATE TABLE token_broker.access_rule (
        id text COLLATE "C" PRIMARY KEY,
        workload_id text COLLATE "C" NOT NULL REFERENCES token_broker.workload ON DELETE CASCADE,
        connection_pattern text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE token_broker.connection (
        uid uuid PRIMARY KEY,
        client_id text COLLATE "C" NOT NULL REFERENCES token_broker.oauth_client (id),
        id text COLLATE "C" NOT NULL,
        state text NOT NULL
          CHECK (state IN ('ACTIVE', 'IN_DOUBT', 'REAUTHORIZATION_REQUIRED', 'PAUSED', 'REVOKED')),
        state_before_pause text,
        subject_kind text NOT NULL CHECK (subject_kind IN ('USER', 'SERVICE_ACCOUNT')),
        subject text,
        grant_type text NOT NULL CHECK (grant_type IN ('refresh_token', 'client_credentials')),
        generation bigint NOT NULL,
        sealed_refresh_token text,
        scopes text[] NOT NULL,
        attempt_id uuid,
        attempt_generation bigint,
        attempt_replica text,
        attempt_started_at timestamptz,
        attempt_deadline_at timestamptz,
        last_attempt_id uuid,
        authorization_epoch integer NOT NULL DEFAULT 0,
        due_at timestamptz,
        planned_at timestamptz,
        not_before timestamptz,
        failure_count integer NOT NULL DEFAULT 0,
        last_error_code text,
        last_error_description text,
        last_error_at timestamptz,
        expires_at timestamptz,
        token_ttl_ms bigint,
        last_rotated_at timestamptz,
        revision bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (client_id, id)
      )`);
    await runner.query(`
      CREATE INDEX connection_due ON token_broker.connection (due_at)
        WHERE attempt_id IS NULL AND state IN ('ACTIVE', 'IN_DOUBT')`);
    await runner.query(`
      CREATE INDEX connection_planned ON token_broker.connection (planned_at)
        WHERE state IN ('ACTIVE', 'IN_DOUBT')`);
    await runner.query(`
      CREATE INDEX connection_attempt_deadline ON token_broker.connection (attempt_deadline_at)
        WHERE attempt_id IS NOT NULL`);
    await runner.query(`CREATE INDEX connection_state ON token_broker.connection (state)`);
    await runner.query(`
      CREATE TABLE token_broker.access_token (
        connection_uid uuid NOT NULL REFERENCES token_broker.connection ON DELETE CASCADE,
        variant_key text COLLATE "C" NOT NULL,
        sealed_token text NOT NULL,
        token_type text NOT NULL,
        scopes text[] NOT NULL,
        resource text NOT NULL,
        generation bigint NOT NULL,
        requested_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (connection_uid, variant_key)
      )`);
    await runner.query(`
      CREATE TABLE token_broker.authorization_request (
        state_hash text COLLATE "C" PRIMARY KEY,
        connection_uid uuid NOT NULL REFERENCES token_broker.connection ON DELETE CASCADE,
        browser_hash text NOT NULL,
        sealed_secrets text NOT NULL,
        scopes text[] NOT NULL,
        authorization_epoch integer NOT NULL,
        expires_at timestamptz NOT NULL
      )`);
    await runner.query(
      `CREATE INDEX authorization_request_expires ON token_broker.authorization_request (expires_at)`,
    );
    await this.notifications(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP SCHEMA token_broker CASCADE`);
  }

  /** Hints for the other replicas, from triggers, so that no statement can forget them. */
  private async notifications(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION token_broker.connection_changed() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_notify('token_broker_connection', coalesce(NEW.uid, OLD.uid)::text);
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER connection_changed AFTER UPDATE OF revision OR DELETE ON token_broker.connection
        FOR EACH ROW EXECUTE FUNCTION token_broker.connection_changed()`);
    await runner.query(`
      CREATE FUNCTION token_broker.directory_changed() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        UPDATE token_broker.installation SET directory_version = directory_version + 1;
        PERFORM pg_notify('token_broker_directory', '');
        RETURN NULL;
      END $$`);
    for (const table of ['oauth_client', 'workload', 'workload_identity', 'access_rule']) {
      await runner.query(`
        CREATE TRIGGER directory_changed AFTER INSERT OR UPDATE OR DELETE ON token_broker.${table}
          FOR EACH STATEMENT EXECUTE FUNCTION token_broker.directory_changed()`);
    }
  }
}
