import type { DataSource, EntityManager } from 'typeorm';
import {
  againIn,
  roomIn,
  type BudgetFacts,
  type BudgetRoom,
  type BudgetUse,
  type Canary,
  type Claim,
  type ClaimBatch,
  type ClaimRequest,
  type DemandClaim,
} from '#libs/core';
import { toAttempt, toConnection, toFreeze } from '../mapping.js';
import type { ConnectionRow } from '../rows.js';
import { translated } from '../store-errors.js';
import {
  BUDGET_FACTS,
  DEMAND_WAITS,
  LOCK_BUDGET,
  LOCK_BUDGET_OF_CONNECTION,
  type BudgetFactsRow,
} from './budget-sql.js';
import { CLAIM_DUE, CLAIM_ONE } from './rotation-sql.js';

/** When a budget whose lock another replica holds this moment is asked for again. */
const BUSY_MS = 10;

/**
 * Step 1 of the protocol: claims under the budget of the OAuth client, in one short transaction that holds the
 * lock of the budget. That lock makes the claims of one OAuth client follow one another over all replicas, so
 * that the budget is kept to the one, and none takes what another was about to.
 */
export class BudgetedClaims {
  /** @param monotonic {@link Clock.monotonic} */
  constructor(
    private readonly source: DataSource,
    private readonly monotonic: () => number,
  ) {}

  async due({
    clientId,
    limit,
    ...request
  }: ClaimRequest & { readonly clientId: string; readonly limit: number }): Promise<ClaimBatch> {
    const askedAt = this.monotonic();
    return this.transaction(async (manager) => {
      if ((await lock(manager, LOCK_BUDGET, clientId)) === undefined) {
        return { claims: [], againInMs: BUSY_MS };
      }
      const budget = await read(manager, clientId, 'background');
      if (budget === undefined || budget.row.frozen_at !== null) return { claims: [] };
      const { facts, room } = budget;
      const most = Math.min(limit, room.room);
      const isCanary = facts.canary !== undefined;
      const rows =
        most > 0 ? await claim(manager, CLAIM_DUE, request, clientId, budget, [most, isCanary]) : [];
      const claims = rows.flatMap((row) => toClaim(row, askedAt, facts.canary));
      if (most > 0 && claims.length < most) return { claims };
      if (claims.length === limit) return { claims, againInMs: 0 };
      return {
        claims,
        limit: room.limit,
        againInMs: againIn(facts, 'background', room, claims.length),
      };
    });
  }

  async one(uid: string, request: ClaimRequest): Promise<DemandClaim> {
    const askedAt = this.monotonic();
    return this.transaction(async (manager) => {
      const clientId = await lock(manager, LOCK_BUDGET_OF_CONNECTION, uid);
      const budget = clientId === undefined ? undefined : await read(manager, clientId, 'demand');
      if (clientId === undefined || budget === undefined) {
        return { kind: 'noBudget', limit: 'concurrency', retryInMs: BUSY_MS };
      }
      const freeze = toFreeze(budget.row);
      if (freeze) return { kind: 'frozen', freeze };
      const { facts, room } = budget;
      if (room.room < 1) {
        await manager.query(DEMAND_WAITS, [clientId]);
        return { kind: 'noBudget', limit: room.limit, retryInMs: againIn(facts, 'demand', room, 0) };
      }
      const rows = await claim(manager, CLAIM_ONE, request, clientId, budget, [uid]);
      const [mine] = rows.flatMap((row) => toClaim(row, askedAt, facts.canary));
      return mine ? { kind: 'claimed', claim: mine } : { kind: 'busy' };
    });
  }

  private transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return translated(() => this.source.transaction(work));
  }
}

interface Budget {
  readonly row: BudgetFactsRow;
  readonly facts: BudgetFacts;
  readonly room: BudgetRoom;
}

/** Takes the lock of a budget; answers whose it is, or `undefined` where it cannot be had now. */
async function lock(manager: EntityManager, sql: string, key: string): Promise<string | undefined> {
  const [locked] = await manager.query<{ client_id: string }[]>(sql, [key]);
  return locked?.client_id;
}

async function read(manager: EntityManager, clientId: string, use: BudgetUse): Promise<Budget | undefined> {
  const [row] = await manager.query<BudgetFactsRow[]>(BUDGET_FACTS, [clientId]);
  if (!row) return undefined;
  const facts: BudgetFacts = {
    ratePerSecond: row.rate_per_second,
    maxConcurrent: row.max_concurrent,
    available: row.available,
    sinceRefillMs: row.since_refill_ms,
    openAttempts: row.open_attempts,
    demandWaits: row.demand_waits,
    ...(row.canary === null ? {} : { canary: row.canary as Canary }),
  };
  return { row, facts, room: roomIn(facts, use) };
}

function claim(
  manager: EntityManager,
  sql: string,
  request: ClaimRequest,
  clientId: string,
  { row, room }: Budget,
  more: unknown[],
): Promise<ConnectionRow[]> {
  const { replica, attemptDeadlineMs, spoolId, bootId, attemptFloor } = request;
  const budget = [clientId, room.available, row.at];
  const spender = [spoolId, bootId, attemptFloor];
  return manager.query(sql, [replica, attemptDeadlineMs, ...budget, ...spender, ...more]);
}

function toClaim(row: ConnectionRow, claimedAtMonotonic: number, canary: Canary | undefined): Claim[] {
  const attempt = toAttempt(row);
  if (attempt === undefined) return [];
  return [{ connection: toConnection(row), attempt, claimedAtMonotonic, ...(canary ? { canary } : {}) }];
}
