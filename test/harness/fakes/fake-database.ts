import {
  burstOf,
  StoreUnavailableError,
  type Clock,
  type Connection,
  type OAuthClient,
  type StoredAccessToken,
} from '#libs/core';
import { RowLock } from './row-lock.js';
import { sampleClient } from './samples.js';

/** A connection's row with its access tokens. */
export interface FakeRow {
  connection: Connection;
  /** By variant key. */
  readonly tokens: Map<string, StoredAccessToken>;
  /** The attempt that was last ended, by whom ever. */
  lastAttemptId: string | undefined;
  /** The state from which it was last denied. */
  deniedFrom?: Connection['state'];
  readonly lock: RowLock;
}

/** What is in the bucket of an OAuth client. */
export interface FakeBudget {
  available: number;
  refilledAt: number;
  /** Until then nothing is claimed for the background. */
  demandUntil: number;
}

/** What can happen to one operation. */
export type Trouble =
  /** The database is away before the operation begins. */
  | 'away'
  /** The operation takes effect, and the database goes away before it can say so. */
  | 'answer lost'
  /** A fault of our own. */
  | 'fault';

/** The operations of the fakes, for scripts. */
export type Operation =
  | 'attemptsOf'
  | 'dueClients'
  | 'claimDue'
  | 'claimOne'
  | 'hold'
  | 'heldSave'
  | 'save'
  | 'takeOver'
  | 'freeze'
  | 'thaw'
  | 'proveCanary'
  | 'find'
  | 'findByName'
  | 'findByUids'
  | 'administer';

/**
 * What the fake stores have in common: rows in memory, and trouble on demand. Between two `await`s nothing
 * else happens in this process, so that a synchronous piece of code is a transaction.
 */
export class FakeDatabase {
  readonly rows = new Map<string, FakeRow>();
  /** The OAuth clients; a connection of another one counts as one of a client with the sample's settings. */
  readonly clients = new Map<string, OAuthClient>([['c', sampleClient()]]);
  /** Until when an operator has accepted the denials of an OAuth client. */
  readonly denialsAcceptedUntil = new Map<string, number>();
  private readonly budgets = new Map<string, FakeBudget>();
  /** How often each operation was begun. */
  readonly calls = new Map<Operation, number>();
  /** Waited for at the beginning of each operation: tests reorder what happens with it. */
  pace: (operation: Operation) => Promise<void> = () => Promise.resolve();
  /** Whether claims are made now: not while a replica has not replayed its spool after a failover. */
  mayClaim: () => boolean = () => true;
  private readonly script = new Map<Operation, Trouble[]>();
  private away = false;
  private epoch = 0;

  constructor(readonly clock: Pick<Clock, 'now'>) {}

  /** Plans what happens to the next calls of an operation, one after the other. */
  plan(operation: Operation, ...troubles: Trouble[]): void {
    this.script.set(operation, [...(this.script.get(operation) ?? []), ...troubles]);
  }

  /** Nothing is planned any more. */
  forgetPlans(): void {
    this.script.clear();
  }

  /** From now on the database is away; row locks end with the sessions that held them. */
  goAway(): void {
    this.away = true;
    this.cutSessions();
  }

  /** The database is back. */
  comeBack(): void {
    this.away = false;
  }

  /** Ends all sessions: open transactions are rolled back, and their locks are free. */
  cutSessions(): void {
    this.epoch += 1;
    for (const row of this.rows.values()) row.lock.free();
  }

  /** Names the present sessions; another value after {@link FakeDatabase.cutSessions}. */
  get session(): number {
    return this.epoch;
  }

  /** The rows as they are, for {@link FakeDatabase.putBack}. */
  snapshot(): ReadonlyMap<string, Pick<FakeRow, 'connection' | 'tokens' | 'lastAttemptId'>> {
    return new Map(
      [...this.rows].map(([uid, { connection, tokens, lastAttemptId }]) => [
        uid,
        { connection, tokens: new Map(tokens), lastAttemptId },
      ]),
    );
  }

  /** A failover that loses what was committed since: all sessions end, and the rows are as they were. */
  putBack(rows: ReturnType<FakeDatabase['snapshot']>): void {
    this.cutSessions();
    for (const [uid, before] of rows) {
      const row = this.row(uid);
      row.connection = before.connection;
      row.lastAttemptId = before.lastAttemptId;
      row.tokens.clear();
      for (const [key, token] of before.tokens) row.tokens.set(key, token);
    }
  }

  /** Adds a row. */
  add(connection: Connection, tokens: readonly StoredAccessToken[] = []): FakeRow {
    const row: FakeRow = {
      connection,
      tokens: new Map(tokens.map((token) => [token.variantKey, token])),
      lastAttemptId: undefined,
      lock: new RowLock(),
    };
    this.rows.set(connection.uid, row);
    return row;
  }

  /** The row as it stands. */
  row(uid: string): FakeRow {
    const row = this.rows.get(uid);
    if (!row) throw new Error(`no row ${uid}`);
    return row;
  }

  /** An OAuth client as it stands. */
  client(id: string): OAuthClient {
    return this.clients.get(id) ?? sampleClient({ id });
  }

  /** Changes an OAuth client. */
  patchClient(id: string, change: (client: OAuthClient) => OAuthClient): void {
    this.clients.set(id, change(this.client(id)));
  }

  /** The budget of an OAuth client; full at first. */
  budget(clientId: string): FakeBudget {
    let budget = this.budgets.get(clientId);
    if (!budget) {
      budget = { available: burstOf(this.client(clientId)), refilledAt: this.clock.now(), demandUntil: 0 };
      this.budgets.set(clientId, budget);
    }
    return budget;
  }

  /** Changes a row as an administrator's statement would. */
  patch(uid: string, change: Partial<Connection>): void {
    const row = this.row(uid);
    row.connection = { ...row.connection, ...change, revision: row.connection.revision + 1 };
  }

  /** Carries out one operation, with the trouble that is planned for it. */
  async run<T>(operation: Operation, work: () => T | Promise<T>): Promise<T> {
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    await this.pace(operation);
    const trouble = this.script.get(operation)?.shift();
    if (trouble === 'fault') throw new TypeError(`scripted fault in ${operation}`);
    if (this.away || trouble === 'away')
      throw new StoreUnavailableError(`scripted: away during ${operation}`);
    const result = await work();
    if (trouble === 'answer lost') throw new StoreUnavailableError(`scripted: answer of ${operation} lost`);
    return result;
  }
}
