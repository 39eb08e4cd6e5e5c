import {
  againIn,
  roomIn,
  SPENDING_STATES,
  StoreUnavailableError,
  type BudgetFacts,
  type Claim,
  type ClaimBatch,
  type ClaimRequest,
  type Clock,
  type Connection,
  type DemandClaim,
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

  async dueClients(): Promise<string[]> {
    return this.run('dueClients', () => {
      const due = [...this.database.rows.values()]
        .filter((row) => this.isClaimable(row) && this.isDue(row.connection))
        .map(({ connection }) => connection)
        .filter(({ clientId }) => !this.database.client(clientId).freeze)
        .sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0));
      return [...new Set(due.map(({ clientId }) => clientId))];
    });
  }

  async claimDue(
    request: ClaimRequest & { readonly clientId: string; readonly limit: number },
  ): Promise<ClaimBatch> {
    const askedAt = this.clock.monotonic();
    const { clientId, limit } = request;
    return this.run('claimDue', () => {
      if (this.database.client(clientId).freeze) return { claims: [] };
      const facts = this.facts(clientId);
      const room = roomIn(facts, 'background');
      const most = Math.min(limit, room.room);
      const claims = [...this.database.rows.values()]
        .filter((row) => row.connection.clientId === clientId)
        .filter((row) => this.isClaimable(row) && this.isDue(row.connection))
        .sort((a, b) => this.rank(a) - this.rank(b))
        .slice(0, most)
        .map((row) => this.claim(row, request, askedAt));
      this.take(clientId, room.available, claims.length);
      if (most > 0 && claims.length < most) return { claims };
      if (claims.length === limit) return { claims, againInMs: 0 };
      return {
        claims,
        limit: room.limit,
        againInMs: againIn(facts, 'background', room, claims.length),
      };
    });
  }

  async claimOne(uid: string, request: ClaimRequest): Promise<DemandClaim> {
    const askedAt = this.clock.monotonic();
    return this.run('claimOne', () => {
      const row = this.database.rows.get(uid);
      if (!row) return { kind: 'noBudget', limit: 'concurrency', retryInMs: 10 };
      const { clientId } = row.connection;
      const { freeze } = this.database.client(clientId);
      if (freeze) return { kind: 'frozen', freeze };
      const facts = this.facts(clientId);
      const room = roomIn(facts, 'demand');
      if (room.room < 1) {
        this.database.budget(clientId).demandUntil = this.clock.now() + 500;
        return { kind: 'noBudget', limit: room.limit, retryInMs: againIn(facts, 'demand', room, 0) };
      }
      const isTooEarly = row.connection.state === 'IN_DOUBT' && !this.isDue(row.connection);
      if (!this.isClaimable(row) || isTooEarly) return { kind: 'busy' };
      this.take(clientId, room.available, 1);
      return { kind: 'claimed', claim: this.claim(row, request, askedAt) };
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
      const frozen = this.database.client(row.connection.clientId).freeze !== undefined;
      if (mine && !frozen && SPENDING_STATES.includes(state)) return new HeldRow(this.database, row, release);
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
      return saved ?? (this.wasSaved(row, save) ? 'saved' : 'superseded');
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

  /** The soonest to expire first; a canary is an active user's where there is one. */
  private rank({ connection }: FakeRow): number {
    const { clientId, state, grantType, expiresAt = 0 } = connection;
    const isLast = state !== 'ACTIVE' || grantType !== 'refresh_token';
    return this.database.client(clientId).canary && isLast ? expiresAt + 1e15 : expiresAt;
  }

  private facts(clientId: string): BudgetFacts {
    const { ratePerSecond, maxConcurrent, canary } = this.database.client(clientId);
    const { available, refilledAt, demandUntil } = this.database.budget(clientId);
    const now = this.clock.now();
    const open = [...this.database.rows.values()].filter(
      ({ connection }) => connection.clientId === clientId && connection.attempt,
    );
    return {
      ratePerSecond,
      maxConcurrent,
      available,
      sinceRefillMs: now - refilledAt,
      openAttempts: open.length,
      demandWaits: demandUntil > now,
      ...(canary ? { canary } : {}),
    };
  }

  private take(clientId: string, available: number, taken: number): void {
    const budget = this.database.budget(clientId);
    budget.available = available - taken;
    budget.refilledAt = this.clock.now();
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
    const { canary } = this.database.client(row.connection.clientId);
    return { connection: row.connection, attempt, claimedAtMonotonic, ...(canary ? { canary } : {}) };
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
        return applySave(this.database, this.row, save) ?? 'superseded';
      });
    } finally {
      this.unlock();
    }
  }

  async release(): Promise<void> {
    this.unlock();
  }
}
