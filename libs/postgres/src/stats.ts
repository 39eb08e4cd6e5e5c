import type { DataSource } from 'typeorm';
import type { ConnectionState } from '#libs/core';
import { clientSlacks, type ClientSlack } from './client-figures.js';
import { translated } from './store-errors.js';

/** Figures for the metrics. */
export interface ConnectionFigures {
  readonly byState: Record<ConnectionState, number>;
  /** How long the most overdue rotation has been waiting, in milliseconds; zero where none is. */
  readonly oldestOverdueMs: number;
  /** How many connections will need their user within a time; those that need them already do not count. */
  readonly reauthorizationsDue: Record<ReauthorizationHorizon, number>;
  readonly byClient: readonly ClientSlack[];
}

/** The times that are looked ahead. */
export type ReauthorizationHorizon = '1d' | '7d' | '30d';

/** Counts connections. @throws {StoreUnavailableError} */
export async function connectionFigures(source: DataSource): Promise<ConnectionFigures> {
  const byState: Record<ConnectionState, number> = {
    ACTIVE: 0,
    IN_DOUBT: 0,
    REAUTHORIZATION_REQUIRED: 0,
    PAUSED: 0,
    REVOKED: 0,
  };
  const [byClient, counts, [overdue], [due]] = await translated(() =>
    Promise.all([
      clientSlacks(source),
      source.query<{ state: ConnectionState; count: string }[]>(
        'SELECT state, count(*) AS count FROM token_broker.connection GROUP BY state',
      ),
      source.query<[{ ms: number | null }]>(
        `SELECT extract(epoch FROM now() - min(planned_at))::float8 * 1000 AS ms
         FROM token_broker.connection WHERE state IN ('ACTIVE', 'IN_DOUBT')`,
      ),
      source.query<[Record<ReauthorizationHorizon, string>]>(
        `SELECT count(*) FILTER (WHERE reauthorize_at <= now() + interval '1 day') AS "1d",
           count(*) FILTER (WHERE reauthorize_at <= now() + interval '7 days') AS "7d", count(*) AS "30d"
         FROM token_broker.connection
         WHERE reauthorize_at <= now() + interval '30 days' AND state <> 'REAUTHORIZATION_REQUIRED'`,
      ),
    ]),
  );
  for (const { state, count } of counts) byState[state] = Number(count);
  const reauthorizationsDue = { '1d': Number(due['1d']), '7d': Number(due['7d']), '30d': Number(due['30d']) };
  return { byState, byClient, oldestOverdueMs: Math.max(0, overdue.ms ?? 0), reauthorizationsDue };
}
