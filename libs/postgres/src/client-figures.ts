import type { DataSource } from 'typeorm';
import type { ClientFigures, ClientFiguresStore, ConnectionState } from '#libs/core';
import { translated } from './store-errors.js';

/** Nobody needs to know more exactly, and counting is not free. */
const MOST_COUNTED = 100_000;

const KEPT_FRESH = `state IN ('ACTIVE', 'IN_DOUBT')`;
/** As the partial indexes have it. */
const IDLE = `attempt_id IS NULL AND ${KEPT_FRESH}`;

const counted = (where: string): string =>
  `(SELECT count(*) FROM (
      SELECT FROM token_broker.connection WHERE client_id = k.id AND ${where} LIMIT ${MOST_COUNTED}) bounded)`;

/** The index on the expiry has the soonest at its front; those under an attempt are few, and not in it. */
const SLACK = `extract(epoch FROM least(
    (SELECT expires_at FROM token_broker.connection
     WHERE client_id = k.id AND ${IDLE} AND expires_at > now() ORDER BY expires_at NULLS FIRST LIMIT 1),
    (SELECT min(expires_at) FROM token_broker.connection
     WHERE client_id = k.id AND attempt_id IS NOT NULL AND ${KEPT_FRESH} AND expires_at > now())
  ) - now())::float8 * 1000 AS slack_ms`;

const UNSERVED = `(${counted(`${IDLE} AND expires_at IS NULL`)} + ${counted(`${IDLE} AND expires_at <= now()`)}
  + ${counted(`attempt_id IS NOT NULL AND ${KEPT_FRESH} AND coalesce(expires_at <= now(), true)`)}
  )::integer AS unserved`;

const SLACKS = `SELECT k.id, ${SLACK}, ${UNSERVED} FROM token_broker.oauth_client k`;

const FIGURES = `
  SELECT k.id, ${SLACK}, ${UNSERVED}, b.available,
    extract(epoch FROM clock_timestamp() - b.refilled_at)::float8 * 1000 AS since_refill_ms,
    ${counted('attempt_id IS NOT NULL')}::integer AS open_attempts,
    ${counted(`${IDLE} AND due_at <= now()`)}::integer AS due
  FROM token_broker.oauth_client k JOIN token_broker.client_budget b ON b.client_id = k.id
  WHERE $1::text IS NULL OR k.id = $1`;

/** All of an OAuth client's connections are looked at: for operators, not for scrapes. */
const STATES = `
  SELECT client_id, state, count(*)::integer AS count,
    extract(epoch FROM now() - min(planned_at))::float8 * 1000 AS overdue_ms
  FROM token_broker.connection WHERE $1::text IS NULL OR client_id = $1
  GROUP BY client_id, state`;

/** How much time an OAuth client's connections have, for the metrics. */
export interface ClientSlack {
  readonly client: string;
  /** Absent: none can be served now. */
  readonly slackMs?: number;
  readonly unserved: number;
}

interface SlackRow {
  readonly id: string;
  readonly slack_ms: number | null;
  readonly unserved: number;
}

interface FiguresRow extends SlackRow {
  readonly available: number;
  readonly since_refill_ms: number;
  readonly open_attempts: number;
  readonly due: number;
}

interface StateRow {
  readonly client_id: string;
  readonly state: ConnectionState;
  readonly count: number;
  readonly overdue_ms: number | null;
}

/** The slack of every OAuth client: a few looks into indexes for each. @throws {StoreUnavailableError} */
export async function clientSlacks(source: DataSource): Promise<ClientSlack[]> {
  const rows = await translated(() => source.query<SlackRow[]>(SLACKS));
  return rows.map(({ id, slack_ms, unserved }) => ({
    client: id,
    unserved,
    ...(slack_ms === null ? {} : { slackMs: slack_ms }),
  }));
}

/** What operators look at. */
export class PostgresClientFigures implements ClientFiguresStore {
  constructor(private readonly source: DataSource) {}

  async clientFigures(clientId?: string): Promise<ClientFigures[]> {
    const [rows, states] = await translated(() =>
      Promise.all([
        this.source.query<FiguresRow[]>(FIGURES, [clientId ?? null]),
        this.source.query<StateRow[]>(STATES, [clientId ?? null]),
      ]),
    );
    return rows.map((row) =>
      toFigures(
        row,
        states.filter(({ client_id }) => client_id === row.id),
      ),
    );
  }
}

function toFigures(row: FiguresRow, states: readonly StateRow[]): ClientFigures {
  const overdue = states
    .filter(({ state }) => state === 'ACTIVE' || state === 'IN_DOUBT')
    .map(({ overdue_ms }) => overdue_ms ?? 0);
  const oldestOverdueMs = Math.max(0, ...overdue);
  return {
    clientId: row.id,
    available: row.available,
    sinceRefillMs: row.since_refill_ms,
    openAttempts: row.open_attempts,
    dueCount: row.due,
    unservedCount: row.unserved,
    byState: Object.fromEntries(states.map(({ state, count }) => [state, count])),
    ...(oldestOverdueMs > 0 ? { oldestOverdueMs } : {}),
    ...(row.slack_ms === null ? {} : { slackMs: row.slack_ms }),
  };
}
