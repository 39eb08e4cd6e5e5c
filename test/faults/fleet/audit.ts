import { Client } from 'pg';
import type { RowVersion } from '../verdict/records.js';

/**
 * The history of every connection's row, written by the database itself with each commit: the verdict does
 * not have to believe anybody's word for what a row said.
 */
export class Audit {
  constructor(private readonly url: () => string) {}

  /** Begins it: a table of the campaign's own and a trigger. */
  async install(): Promise<void> {
    await this.query(`
      CREATE SCHEMA faults;
      CREATE TABLE faults.row_version (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        connection text NOT NULL, state text NOT NULL, generation bigint NOT NULL, epoch integer NOT NULL,
        attempt_id uuid, attempt_replica text, last_attempt_id uuid, error_code text);
      CREATE FUNCTION faults.remember() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO faults.row_version
          (connection, state, generation, epoch, attempt_id, attempt_replica, last_attempt_id, error_code)
        VALUES ('clients/' || NEW.client_id || '/connections/' || NEW.id, NEW.state, NEW.generation,
          NEW.authorization_epoch, NEW.attempt_id, NEW.attempt_replica, NEW.last_attempt_id, NEW.last_error_code);
        RETURN NULL;
      END $$;
      CREATE TRIGGER faults_remember AFTER INSERT OR UPDATE ON token_broker.connection
        FOR EACH ROW EXECUTE FUNCTION faults.remember();`);
  }

  /** The history so far, in the order of its writing. */
  async versions(wallToMachineMs: number): Promise<RowVersion[]> {
    const rows = await this.query(
      `SELECT extract(epoch FROM at)::float8 * 1000 AS at, connection, state, generation::float8 AS generation,
         epoch, attempt_id, attempt_replica, last_attempt_id, error_code
       FROM faults.row_version ORDER BY seq`,
    );
    return rows.map((row) => ({
      at: Number(row['at']) + wallToMachineMs,
      connection: String(row['connection']),
      state: String(row['state']),
      generation: Number(row['generation']),
      epoch: Number(row['epoch']),
      ...optional('attemptId', row['attempt_id']),
      ...optional('attemptReplica', row['attempt_replica']),
      ...optional('lastAttemptId', row['last_attempt_id']),
      ...optional('errorCode', row['error_code']),
    }));
  }

  /** How the connections stand now. */
  async now(): Promise<{ connection: string; state: string; attempted: boolean }[]> {
    const rows = await this.query(
      `SELECT 'clients/' || client_id || '/connections/' || id AS connection, state,
         attempt_id IS NOT NULL AS attempted
       FROM token_broker.connection ORDER BY 1`,
    );
    return rows.map((row) => ({
      connection: String(row['connection']),
      state: String(row['state']),
      attempted: row['attempted'] === true,
    }));
  }

  /** Runs statements on a connection of their own; nothing of the fleet's is in the way. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    const client = new Client({
      connectionString: this.url(),
      connectionTimeoutMillis: 5_000,
      query_timeout: 60_000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.query(sql)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

function optional<Name extends string>(name: Name, value: unknown): { [key in Name]?: string } {
  return (typeof value === 'string' ? { [name]: value } : {}) as { [key in Name]?: string };
}
