import type { DataSource } from 'typeorm';
import type { ConnectionState } from '#libs/core';
import { clientSlacks, type ClientSlack } from './client-figures.js';
import { translated } from './store-errors.js';

/** Figures for the metrics. */
export interface ConnectionFigures {
  readonly byState: Record<ConnectionState, number>;
  /** How long the most overdue rotation has been waiting, in milliseconds; zero where none is. */
  readonly oldestOverdueMs: number;
  readonly byClient: readonly ClientSlack[];
}

/** Counts connections. @throws {StoreUnavailableError} */
export async function connectionFigures(source: DataSource): Promise<ConnectionFigures> {
  const byState: Record<ConnectionState, number> = {
    ACTIVE: 0,
    IN_DOUBT: 0,
    REAUTHORIZATION_REQUIRED: 0,
    PAUSED: 0,
    REVOKED: 0,
  };
  const [byClient, counts, [overdue]] = await translated(() =>
    Promise.all([
      clientSlacks(source),
      source.query<{ state: ConnectionState; count: string }[]>(
        'SELECT state, count(*) AS count FROM token_broker.connection GROUP BY state',
      ),
      source.query<[{ ms: number | null }]>(
        `SELECT extract(epoch FROM now() - min(planned_at))::float8 * 1000 AS ms
         FROM token_broker.connection WHERE state IN ('ACTIVE', 'IN_DOUBT')`,
      ),
    ]),
  );
  for (const { state, count } of counts) byState[state] = Number(count);
  return { byState, byClient, oldestOverdueMs: Math.max(0, overdue.ms ?? 0) };
}
