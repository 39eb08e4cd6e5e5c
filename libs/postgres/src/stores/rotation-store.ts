import type { DataSource, QueryRunner } from 'typeorm';
import type {
  Claim,
  ClaimBatch,
  ClaimRequest,
  Connection,
  DemandClaim,
  FailureChange,
  HeldAttempt,
  RotationSave,
  RotationStore,
  SaveResult,
} from '#libs/core';
import type { Database } from '../database.js';
import { toConnection } from '../mapping.js';
import type { ConnectionRow } from '../rows.js';
import { translated } from '../store-errors.js';
import { BudgetedClaims } from './claims.js';
import {
  ALREADY_SAVED,
  ATTEMPTS_OF,
  DOUBTS_OF,
  DUE_CLIENTS,
  FIND_ALL,
  HOLD,
  OVERDUE_ATTEMPTS,
} from './rotation-sql.js';
import { saveStatement } from './rotation-changes.js';

/** The rotation protocol's side of the database: claim, hold, save, take over. */
export class PostgresRotationStore implements RotationStore {
  private readonly main: DataSource;
  private readonly rotation: DataSource;

  private readonly claims: BudgetedClaims;

  /** @param monotonic {@link Clock.monotonic} */
  constructor(database: Pick<Database, 'main' | 'rotation'>, monotonic: () => number) {
    this.main = database.main;
    this.rotation = database.rotation;
    this.claims = new BudgetedClaims(database.main, monotonic);
  }

  async dueClients(): Promise<string[]> {
    const rows = await translated(() => this.main.query<{ id: string }[]>(DUE_CLIENTS));
    return rows.map(({ id }) => id);
  }

  async claimDue(
    request: ClaimRequest & { readonly clientId: string; readonly limit: number },
  ): Promise<ClaimBatch> {
    return this.claims.due(request);
  }

  async claimOne(uid: string, request: ClaimRequest): Promise<DemandClaim> {
    return this.claims.one(uid, request);
  }

  async hold(claim: Claim): Promise<HeldAttempt | undefined> {
    return translated(async () => {
      const runner = this.rotation.createQueryRunner();
      try {
        await runner.startTransaction();
        const [row] = (await runner.query(HOLD, [claim.connection.uid, claim.attempt.id])) as ConnectionRow[];
        if (row) return new HeldRow(runner, toConnection(row));
      } catch (error) {
        await endQuietly(runner);
        throw error;
      }
      await endQuietly(runner);
      return undefined;
    });
  }

  async save(save: RotationSave): Promise<SaveResult> {
    return translated(async () => {
      const saved = await run(this.main, save);
      if (saved !== undefined) return saved;
      const generation = save.change.kind === 'rotated' ? save.change.generation : null;
      const [before] = (await this.main.query(ALREADY_SAVED, [
        save.uid,
        save.attemptId,
        generation,
      ])) as unknown[];
      return before === undefined ? 'superseded' : 'saved';
    });
  }

  async takeOver(limit: number, decide: (connection: Connection) => FailureChange): Promise<Connection[]> {
    return translated(() =>
      this.main.transaction(async (manager) => {
        const rows = (await manager.query(OVERDUE_ATTEMPTS, [limit])) as ConnectionRow[];
        const connections = rows.map(toConnection);
        for (const connection of connections) {
          const { attempt } = connection;
          if (!attempt) continue;
          await run(manager, {
            uid: connection.uid,
            generation: connection.generation,
            authorizationEpoch: connection.authorizationEpoch,
            attemptId: attempt.id,
            change: decide(connection),
          });
        }
        return connections;
      }),
    );
  }

  async attemptsOf(spoolId: string): Promise<Connection[]> {
    const rows = await translated(() => this.main.query<ConnectionRow[]>(ATTEMPTS_OF, [spoolId]));
    return rows.map(toConnection);
  }

  async doubtsOf(spoolId: string): Promise<Connection[]> {
    const rows = await translated(() => this.main.query<ConnectionRow[]>(DOUBTS_OF, [spoolId]));
    return rows.map(toConnection);
  }

  async findAll(uids: readonly string[]): Promise<Connection[]> {
    const rows = await translated(() => this.main.query<ConnectionRow[]>(FIND_ALL, [uids]));
    return rows.map(toConnection);
  }

  async find(uid: string): Promise<Connection | undefined> {
    return translated(async () => {
      const [row] = (await this.main.query('SELECT * FROM token_broker.connection WHERE uid = $1', [
        uid,
      ])) as ConnectionRow[];
      return row && toConnection(row);
    });
  }
}

/** A row lock, held by an open transaction on a connection of its own. */
class HeldRow implements HeldAttempt {
  private open = true;

  constructor(
    private readonly runner: QueryRunner,
    readonly connection: Connection,
  ) {}

  async save(save: RotationSave): Promise<SaveResult> {
    return translated(async () => {
      const saved = await run(this.runner, save);
      await this.runner.commitTransaction();
      await this.release();
      return saved ?? 'superseded';
    });
  }

  async release(): Promise<void> {
    if (!this.open) return;
    this.open = false;
    await endQuietly(this.runner);
  }
}

/** Runs a guarded save; `undefined` where the guard did not hold. */
async function run(
  source: { query(sql: string, parameters?: unknown[]): Promise<unknown> },
  save: RotationSave,
): Promise<'saved' | 'doubted' | undefined> {
  const { sql, parameters } = saveStatement(save);
  const result = (await source.query(sql, [...parameters])) as [unknown[], number] | unknown[];
  // TypeORM answers an UPDATE as [rows, count] and a WITH … INSERT as rows.
  const [row] = (Array.isArray(result[0]) ? result[0] : result) as { reprieved?: boolean }[];
  return row && (row.reprieved ? 'doubted' : 'saved');
}

/** Rolls back what is open and gives the connection back, whatever state it is in. */
async function endQuietly(runner: QueryRunner): Promise<void> {
  try {
    if (runner.isTransactionActive) await runner.rollbackTransaction();
  } catch {
    // The connection is gone, and its transaction with it.
  }
  try {
    await runner.release();
  } catch {
    // As above: the pool has dropped it already.
  }
}
