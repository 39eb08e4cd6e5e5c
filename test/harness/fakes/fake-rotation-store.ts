import {
  SPENDING_STATES,
  StoreUnavailableError,
  type Claim,
  type ClaimRequest,
  type Clock,
  type Connection,
  type FailureChange,
  type HeldAttempt,
  type RotationSave,
  type RotationStore,
  type SaveResult,
} from '#libs/core';
import { applySave } from './apply-save.js';
import type { FakeDatabase, FakeRow, Operation } from './fake-database.js';

let attempts = 0;

/** `RotationStore` in memory; it keeps the same contract as the one on PostgreSQL. */
export class FakeRotationStore implements RotationStore {
  private dead = false;
  private readonly locks = new Set<() => void>();

  constructor(
    private readonly database: FakeDatabase,
    private readonly clock: Clock,
  ) {}

  /** The process that has this store is gone: nothing comes back to it any more, and its locks are free. */
  die(): void {
    this.dead = true;
    for (const unlock of this.locks) unlock();
  }

  private async run<T>(operation: Operation, work: () => T | Promise<T>): Promise<T> {
    const never = (): Promise<never> => new Promise(() => undefined);
    if (this.dead) return never();
    const result = await this.database.run(operation, () => (this.dead ? never() : work()));
    return this.dead ? never() : result;
  }

  async claimDue(request: ClaimRequest & { readonly limit: number }): Promise<Claim[]> {
    const askedAt = this.clock.monotonic();
    return this.run('claimDue', () =>
      [...this.database.rows.values()]
        .filter((row) => this.isClaimable(row) && this.isDue(row.connection))
        .sort((a, b) => (a.connection.dueAt ?? 0) - (b.connection.dueAt ?? 0))
        .slice(0, request.limit)
        .map((row) => this.claim(row, request, askedAt)),
    );
  }

  async claimOne(uid: string, request: ClaimRequest): Promise<Claim | undefined> {
    const askedAt = this.clock.monotonic();
    return this.run('claimOne', () => {
      const row = this.database.rows.get(uid);
      if (!row || !this.isClaimable(row)) return undefined;
      if (row.connection.state === 'IN_DOUBT' && !this.isDue(row.connection)) return undefined;
      return this.claim(row, request, askedAt);
    });
  }

  async attemptsOf(spoolId: string): Promise<Connection[]> {
    return this.run('attemptsOf', () =>
      [...this.database.rows.values()]
        .map(({ connection }) => connection)
        .filter(({ attempt }) => attempt?.spoolId === spoolId),
    );
  }

  async doubtsOf(spoolId: string): Promise<Connection[]> {
    return this.run('attemptsOf', () =>
      [...this.database.rows.values()]
        .map(({ connection }) => connection)
        .filter(({ doubt, attempt }) => doubt?.spoolId === spoolId && attempt === undefined),
    );
  }

  async findAll(uids: readonly string[]): Promise<Connection[]> {
    return this.run('find', () => uids.flatMap((uid) => this.database.rows.get(uid)?.connection ?? []));
  }

  async hold(claim: Claim): Promise<HeldAttempt | undefined> {
    let unlock = (): void => undefined;
    const held = this.run('hold', async () => {
      const row = this.database.rows.get(claim.connection.uid);
      if (!row) return undefined;
      const { session } = this.database;
      const release = await row.lock.acquire();
      unlock = release;
      this.locks.add(release);
      const { attempt, state } = row.connection;
      if (session !== this.database.session) {
        release();
        throw new StoreUnavailableError('scripted: the session is gone');
      }
      const mine = attempt?.id === claim.attempt.id && attempt.deadlineAt > this.clock.now();
      if (mine && SPENDING_STATES.includes(state)) return new HeldRow(this.database, row, release);
      release();
      return undefined;
    });
    // A session whose answer is lost is over, and its lock with it.
    return held.catch((error: unknown) => {
      unlock();
      throw error;
    });
  }

  async save(save: RotationSave): Promise<SaveResult> {
    return this.run('save', async () => {
      const row = this.database.rows.get(save.uid);
      if (!row) return 'superseded';
      const release = await row.lock.acquire();
      const saved = applySave(this.database, row, save);
      release();
      return saved || this.wasSaved(row, save) ? 'saved' : 'superseded';
    });
  }

  async takeOver(limit: number, decide: (connection: Connection) => FailureChange): Promise<Connection[]> {
    return this.run('takeOver', () => {
      const overdue = [...this.database.rows.values()]
        .filter(
          ({ connection: { attempt }, lock }) =>
            attempt && attempt.deadlineAt < this.clock.now() && !lock.held,
        )
        .slice(0, limit);
      return overdue.map((row) => {
        const { connection } = row;
        const { uid, generation, authorizationEpoch, attempt } = connection;
        applySave(this.database, row, {
          uid,
          generation,
          authorizationEpoch,
          attemptId: attempt?.id ?? '',
          change: decide(connection),
        });
        return connection;
      });
    });
  }

  async find(uid: string): Promise<Connection | undefined> {
    return this.run('find', () => this.database.rows.get(uid)?.connection);
  }

  /** The guard did not hold; but perhaps because this very save was committed before. */
  private wasSaved({ connection, lastAttemptId }: FakeRow, { attemptId, change }: RotationSave): boolean {
    if (lastAttemptId !== attemptId || connection.attempt) return false;
    if (change.kind !== 'rotated' || connection.grantType === 'client_credentials') return true;
    return connection.generation === change.generation;
  }

  private isClaimable({ connection, lock }: FakeRow): boolean {
    return (
      this.database.mayClaim() &&
      !lock.held &&
      connection.attempt === undefined &&
      SPENDING_STATES.includes(connection.state)
    );
  }

  private isDue(connection: Connection): boolean {
    return connection.dueAt !== undefined && connection.dueAt <= this.clock.now();
  }

  private claim(row: FakeRow, request: ClaimRequest, claimedAtMonotonic: number): Claim {
    const startedAt = this.clock.now();
    const attempt = {
      id: `attempt-${(attempts += 1)}`,
      number: attempts,
      spoolId: request.spoolId,
      bootId: request.bootId,
      generation: row.connection.generation,
      replica: request.replica,
      startedAt,
      deadlineAt: startedAt + request.attemptDeadlineMs,
    };
    row.connection = { ...row.connection, attempt };
    return { connection: row.connection, attempt, claimedAtMonotonic };
  }
}

class HeldRow implements HeldAttempt {
  readonly connection: Connection;
  private readonly session: number;

  constructor(
    private readonly database: FakeDatabase,
    private readonly row: FakeRow,
    private readonly unlock: () => void,
  ) {
    this.connection = row.connection;
    this.session = database.session;
  }

  async save(save: RotationSave): Promise<SaveResult> {
    try {
      return await this.database.run('heldSave', () => {
        if (this.session !== this.database.session)
          throw new StoreUnavailableError('scripted: the session is gone');
        return applySave(this.database, this.row, save) ? 'saved' : 'superseded';
      });
    } finally {
      this.unlock();
    }
  }

  async release(): Promise<void> {
    this.unlock();
  }
}
