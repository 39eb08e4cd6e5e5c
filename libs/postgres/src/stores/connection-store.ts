import type { DataSource } from 'typeorm';
import {
  connectionName,
  nextState,
  type AuthorizationRequest,
  type AuthorizationRequestStore,
  type CompletedAuthorization,
  type Connection,
  type ConnectionEvent,
  type ConnectionName,
  type ConnectionPage,
  type ConnectionQuery,
  type ConnectionState,
  type ConnectionStore,
  type NewConnection,
  type ReauthorizationQuery,
  type Sealed,
  BrokerError,
} from '#libs/core';
import { toConnection } from '../mapping.js';
import { AuthorizationRequestRow, type ConnectionRow } from '../rows.js';
import { nextStateSql } from '../state-sql.js';
import { refusing, translated } from '../store-errors.js';
import { NO_ATTEMPT, NO_DOUBT, toDate } from './rotation-changes.js';

/** The administration of connections, and the authorizations that browsers have begun. */
export class PostgresConnectionStore implements ConnectionStore, AuthorizationRequestStore {
  constructor(private readonly source: DataSource) {}

  async create(connection: NewConnection): Promise<Connection> {
    const name = connectionName(connection);
    const refusals = {
      unique: `${name} exists already.`,
      foreignKey: { reason: 'NOT_FOUND' as const, message: `clients/${connection.clientId} does not exist.` },
    };
    return refusing(refusals, async () => {
      const [row] = (await this.source.query(
        `INSERT INTO token_broker.connection
           (uid, client_id, id, state, subject_kind, subject, grant_type, generation,
            sealed_refresh_token, scopes, due_at, planned_at, authorized_at, authorization_expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
                 CASE WHEN $11 THEN now() END, CASE WHEN $11 THEN now() END, $12, $13)
         RETURNING *`,
        [
          connection.uid,
          connection.clientId,
          connection.connectionId,
          connection.state,
          connection.subjectKind,
          connection.subject ?? null,
          connection.grantType,
          connection.generation,
          connection.refreshToken ?? null,
          connection.scopes,
          connection.due,
          toDate(connection.authorizedAt),
          toDate(connection.authorizationExpiresAt),
        ],
      )) as [ConnectionRow];
      return toConnection(row);
    });
  }

  async findConnection(name: ConnectionName): Promise<Connection | undefined> {
    return translated(async () => {
      const [row] = (await this.source.query(
        'SELECT * FROM token_broker.connection WHERE client_id = $1 AND id = $2',
        [name.clientId, name.connectionId],
      )) as ConnectionRow[];
      return row && toConnection(row);
    });
  }

  async list(query: ConnectionQuery): Promise<ConnectionPage> {
    const after = decodePageToken(query.pageToken);
    return translated(async () => {
      const rows = (await this.source.query(
        `SELECT * FROM token_broker.connection
         WHERE ($1::text IS NULL OR client_id = $1) AND ($2::text IS NULL OR state = $2)
           AND (client_id, id) > ($3, $4)
         ORDER BY client_id, id LIMIT $5`,
        [query.clientId ?? null, query.state ?? null, after[0], after[1], query.pageSize + 1],
      )) as ConnectionRow[];
      const connections = rows.slice(0, query.pageSize).map(toConnection);
      const last = connections.at(-1);
      const more = rows.length > query.pageSize && last;
      return {
        connections,
        nextPageToken: more ? encodePageToken([last.clientId, last.connectionId]) : '',
      };
    });
  }

  async listReauthorizations(query: ReauthorizationQuery): Promise<ConnectionPage> {
    const [time, uid] = decodePageToken(query.pageToken, FIRST_REAUTHORIZATION);
    if (!/^(-infinity|[-+ :.\d]{19,40})$/.test(time) || !/^[-0-9a-f]{36}$/.test(uid)) throw notOurs();
    return translated(async () => {
      // The time goes to and fro as a text: it is more exact than a JavaScript date.
      const rows = (await this.source.query(
        `SELECT *, reauthorize_at::text AS page_time FROM token_broker.connection
         WHERE reauthorize_at <= now() + $1::float8 * interval '1 millisecond'
           AND ($2::text IS NULL OR client_id = $2) AND (reauthorize_at, uid) > ($3::timestamptz, $4::uuid)
         ORDER BY reauthorize_at, uid LIMIT $5`,
        [query.withinMs, query.clientId ?? null, time, uid, query.pageSize + 1],
      )) as (ConnectionRow & { page_time: string })[];
      const page = rows.slice(0, query.pageSize);
      const last = page.at(-1);
      const more = rows.length > query.pageSize && last;
      return {
        connections: page.map(toConnection),
        nextPageToken: more ? encodePageToken([last.page_time, last.uid]) : '',
      };
    });
  }

  async transition(uid: string, event: ConnectionEvent): Promise<Connection | undefined> {
    return translated(() =>
      this.source.transaction(async (manager) => {
        const [row] = (await manager.query(
          'SELECT * FROM token_broker.connection WHERE uid = $1 FOR UPDATE',
          [uid],
        )) as ConnectionRow[];
        if (!row) return undefined;
        const before = row.state as ConnectionState;
        const next = nextState(before, event, (row.state_before_pause ?? 'ACTIVE') as ConnectionState);
        if (next === undefined) return undefined;
        const [[after]] = (await manager.query(
          `UPDATE token_broker.connection
           SET state = $2, state_before_pause = $3, revision = revision + 1, updated_at = clock_timestamp()
           WHERE uid = $1 RETURNING *`,
          [uid, next, event === 'paused' ? before : null],
        )) as [[ConnectionRow], number];
        return toConnection(after);
      }),
    );
  }

  async completeAuthorization(done: CompletedAuthorization): Promise<Connection | undefined> {
    const { accessToken: token } = done;
    return translated(() =>
      this.source.transaction(async (manager) => {
        const [rows] = (await manager.query(
          `UPDATE token_broker.connection SET
             state = ${nextStateSql('authorized')}, state_before_pause = NULL,
             generation = $4, sealed_refresh_token = $5, scopes = $6, subject = coalesce($7, subject),
             authorization_epoch = authorization_epoch + 1,
             ${NO_ATTEMPT}, ${NO_DOUBT}, last_attempt_id = NULL,
             due_at = $8, planned_at = $8, not_before = NULL, failure_count = 0,
             last_error_code = NULL, last_error_description = NULL, last_error_at = NULL,
             expires_at = $9, token_ttl_ms = $10, last_rotated_at = clock_timestamp(),
             authorized_at = $11, refresh_expires_at = $12, authorization_expires_at = $13,
             revision = revision + 1, updated_at = clock_timestamp()
           WHERE uid = $1 AND generation = $2 AND authorization_epoch = $3
           RETURNING *`,
          [
            done.uid,
            done.fromGeneration,
            done.fromEpoch,
            token.generation,
            done.refreshToken,
            done.scopes,
            done.subject ?? null,
            toDate(done.dueAt),
            toDate(token.expiresAt),
            done.tokenTtlMs,
            toDate(done.authorizedAt),
            toDate(done.refreshExpiresAt),
            toDate(done.authorizationExpiresAt),
          ],
        )) as [ConnectionRow[], number];
        const [row] = rows;
        if (!row) return undefined;
        // Tokens of the authorization before are over, whatever their variants.
        await manager.query('DELETE FROM token_broker.access_token WHERE connection_uid = $1', [done.uid]);
        await manager.query(
          `INSERT INTO token_broker.access_token
             (connection_uid, variant_key, sealed_token, token_type, scopes, resource, generation,
              requested_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
          [
            done.uid,
            token.variantKey,
            token.token,
            token.tokenType,
            token.scopes,
            token.resource,
            token.generation,
            toDate(token.requestedAt),
            toDate(token.expiresAt),
          ],
        );
        return toConnection(row);
      }),
    );
  }

  async addRequest(request: AuthorizationRequest): Promise<void> {
    await translated(async () => {
      await this.source.query('DELETE FROM token_broker.authorization_request WHERE expires_at < now()');
      await this.source.getRepository(AuthorizationRequestRow).insert({
        state_hash: request.stateHash,
        connection_uid: request.connectionUid,
        browser_hash: request.browserHash,
        sealed_secrets: request.sealed,
        scopes: [...request.scopes],
        authorization_epoch: request.authorizationEpoch,
        expires_at: new Date(request.expiresAt),
      });
    });
  }

  async takeRequest(
    stateHash: string,
  ): Promise<{ request: AuthorizationRequest; connection: Connection } | undefined> {
    return translated(async () => {
      const [[row]] = (await this.source.query(
        `DELETE FROM token_broker.authorization_request
         WHERE state_hash = $1 AND expires_at > now() RETURNING *`,
        [stateHash],
      )) as [AuthorizationRequestRow[], number];
      if (!row) return undefined;
      const [connection] = (await this.source.query('SELECT * FROM token_broker.connection WHERE uid = $1', [
        row.connection_uid,
      ])) as ConnectionRow[];
      if (!connection) return undefined;
      const request: AuthorizationRequest = {
        stateHash: row.state_hash,
        connectionUid: row.connection_uid,
        browserHash: row.browser_hash,
        sealed: row.sealed_secrets as Sealed,
        scopes: row.scopes,
        authorizationEpoch: row.authorization_epoch,
        expiresAt: row.expires_at.getTime(),
      };
      return { request, connection: toConnection(connection) };
    });
  }
}

/** Before every time and every uid. */
const FIRST_REAUTHORIZATION = ['-infinity', '00000000-0000-0000-0000-000000000000'] as const;

function encodePageToken(after: readonly [string, string]): string {
  return Buffer.from(JSON.stringify(after)).toString('base64url');
}

function decodePageToken(
  token: string,
  start: readonly [string, string] = ['', ''],
): readonly [string, string] {
  if (token === '') return start;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(parsed) && parsed.length === 2) return [String(parsed[0]), String(parsed[1])];
  } catch {
    // Falls through to the refusal.
  }
  throw notOurs();
}

function notOurs(): BrokerError {
  return BrokerError.of('INVALID_REQUEST', 'page_token is not one of ours. Take it from the page before.');
}
