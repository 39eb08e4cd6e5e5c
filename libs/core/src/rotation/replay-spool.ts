import type { Clock } from '../clock.js';
import type { Connection } from '../connection/connection.js';
import { DEFAULT_VARIANT } from '../connection/variant.js';
import { messageOf } from '../errors.js';
import type { EventSink } from '../events.js';
import { connectionName } from '../resource-names.js';
import { sealingContext, type Sealer } from '../sealer.js';
import { NO_FAILPOINTS, type Failpoints } from './failpoints.js';
import type { RotationFinisher } from './finish-rotation.js';
import type { Failure } from './judge.js';
import type { PendingSaves } from './pending-saves.js';
import type { ClientSource, RotationStore, TokenEndpoint } from './ports.js';
import type { RedoMark } from './redo-mark.js';
import type { Spool, SpooledAnswer, SpooledAttempt } from './spool.js';

/** Attempts that are looked up with one query. */
const BATCH = 500;

/** What a replay needs. */
export interface ReplayParts {
  readonly spool: Spool;
  readonly store: RotationStore;
  readonly clients: ClientSource;
  readonly endpoint: TokenEndpoint;
  readonly finisher: RotationFinisher;
  readonly pending: Pick<PendingSaves, 'size'>;
  readonly sealer: Sealer;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly redoMark: RedoMark;
  /** Absent: {@link NO_FAILPOINTS}. */
  readonly failpoints?: Failpoints | undefined;
}

/** Nothing was sent, since nothing was journaled, or since it was journaled that nothing went out. */
const NEVER_SENT: Failure = {
  kind: 'notSent',
  code: 'interrupted',
  description: 'The replica ended after its claim and before it sent anything.',
};

/** Something may have been sent, and no answer was journaled. */
const ANSWER_LOST: Failure = {
  kind: 'unanswered',
  code: 'replica_ended',
  description: 'The replica ended between sending and the answer.',
};

/** What came of one attempt's redo. `ahead`: its row is at an earlier generation, and another replica has the rest. */
type Redone = 'saved' | 'nothing' | 'ahead';

/** Longer than any exchange: by then the others have replayed what they have, or are waited for anyway. */
const AHEAD_AT_MOST_MS = 90_000;

/**
 * What a replica does about what its spool knows better than the database, as the crash table of the protocol
 * says. Nobody has to wait for a deadline, and nothing is claimed before it is done.
 */
export class SpoolReplay {
  private readonly failpoints: Failpoints;
  private aheadSince: number | undefined;

  constructor(private readonly parts: ReplayParts) {
    this.failpoints = parts.failpoints ?? NO_FAILPOINTS;
  }

  /**
   * At a start: journaled answers are saved; what was sent without an answer is in doubt at once, for good; what
   * was never sent is given back at once, also where somebody else took it over and doubts it.
   * @returns whether it is done, as {@link SpoolReplay.redo} does
   * @throws {StoreUnavailableError}
   */
  async run(): Promise<boolean> {
    const { spool, store } = this.parts;
    const attempts = spool.attempts();
    const ahead = await this.redoAll(attempts);
    const known = new Map(attempts.map((attempt) => [attempt.sent.attemptId, attempt]));
    for (const connection of await store.attemptsOf(spool.id)) {
      await this.end(connection, connection.attempt?.id, known);
    }
    for (const connection of await store.doubtsOf(spool.id)) {
      await this.end(connection, connection.doubt?.attemptId, known);
    }
    return this.isDone(ahead);
  }

  /**
   * After a failover of the database, which may have lost the last commits: what came of this replica's attempts
   * is saved again where the row does not know it any more, and what is on the wire is in doubt there until its
   * answer comes. What was claimed and not sent yet will not be.
   * @returns whether it is done. It is not while an attempt without a good answer is of a later generation than its
   *   row: another replica has what leads there, and only then can the doubt be laid down
   * @throws {StoreUnavailableError}
   */
  async redo(): Promise<boolean> {
    const { spool, clock, redoMark } = this.parts;
    redoMark.begin(clock.monotonic());
    return this.isDone(await this.redoAll(spool.attempts(), spool.id));
  }

  /** What is ahead of its row is waited for, but not for ever. */
  private isDone(ahead: number): boolean {
    const { clock, pending } = this.parts;
    const now = clock.monotonic();
    // An answer that waits to be saved is not in the database yet, whoever looks there.
    if (ahead + pending.size === 0) this.aheadSince = undefined;
    else this.aheadSince ??= now;
    return this.aheadSince === undefined || now - this.aheadSince > AHEAD_AT_MOST_MS;
  }

  /**
   * @param askSpool the spool to which answers may still come, while its replica lives
   * @returns how many attempts are ahead of their rows
   */
  private async redoAll(attempts: readonly SpooledAttempt[], askSpool?: string): Promise<number> {
    const { store } = this.parts;
    let ahead = 0;
    for (let i = 0; i < attempts.length; i += BATCH) {
      const batch = attempts.slice(i, i + BATCH);
      const found = await store.findAll([...new Set(batch.map(({ sent }) => sent.uid))]);
      const connections = new Map(found.map((connection) => [connection.uid, connection]));
      for (const attempt of batch) {
        const { uid } = attempt.sent;
        // A later attempt of the same batch stands on what this one brought.
        const redone = await this.redoOne(attempt, connections.get(uid), askSpool);
        if (redone === 'ahead') ahead += 1;
        if (redone !== 'saved') continue;
        const now = await store.find(uid);
        if (now) connections.set(uid, now);
      }
    }
    return ahead;
  }

  /**
   * Where the connection has moved on, the attempt is history. Where the connection is before it, what led there is in
   * the spool of another replica: a token that was granted is the latest all the same.
   */
  private async redoOne(
    attempt: SpooledAttempt,
    connection: Connection | undefined,
    askSpool: string | undefined,
  ): Promise<Redone> {
    const { sent, answer, settled, unsent } = attempt;
    if (
      connection === undefined ||
      connection.generation > sent.generation ||
      connection.authorizationEpoch !== sent.authorizationEpoch
    ) {
      // What is on the wire settles itself.
      if (!settled && askSpool === undefined) {
        // One that is not marked is looked at once more, which does nothing.
        await this.parts.spool.settled(sent.attemptId).catch(() => undefined);
      }
      return 'nothing';
    }
    if (answer) return this.replay(connection, attempt, answer);
    if (unsent) return 'nothing';
    if (connection.generation < sent.generation) return 'ahead';
    if (knows(connection, sent.attemptId) || !lacks(connection)) return 'nothing';
    await this.fail(connection, sent.attemptId, ANSWER_LOST, {
      // What may still be on the wire is not probed within a grace window: the two would overlap.
      requestedAt: settled || askSpool === undefined ? sent.requestedAt : 0,
      atRevision: connection.revision,
      ...(askSpool === undefined || settled ? {} : { askSpool }),
    });
    return 'saved';
  }

  private async replay(
    connection: Connection,
    { sent, settled }: SpooledAttempt,
    answer: SpooledAnswer,
  ): Promise<Redone> {
    const { store, clients, endpoint, sealer, finisher } = this.parts;
    const client = await clients.client(connection.clientId);
    // Not known yet: whoever waits for this redo has to wait on.
    if (client === undefined) return 'ahead';
    const { attemptId, generation, variant, requestedAt } = sent;
    try {
      const body = await sealer.open(answer.body, sealingContext.spooledAnswer(attemptId));
      const { status, headers } = answer;
      const meaning = endpoint.interpret(client, { status, headers, body });
      const known = knows(connection, attemptId);
      // What the row says of it was decided with more in view, such as a storm of denials.
      if (meaning.kind !== 'granted' && known && settled) return 'nothing';
      const lost = meaning.kind !== 'granted' && !known;
      if (lost && meaning.kind === 'refused') return 'nothing';
      if (lost && connection.generation < generation) return 'ahead';
      if (lost && !lacks(connection)) return 'nothing';
      const ended = {
        connection,
        attemptId,
        generation,
        variant,
        requestedAt,
        ...(lost ? { atRevision: connection.revision } : {}),
      };
      await this.failpoints.reached('replaying', ended);
      const outcome = await finisher.finish(ended, client, meaning, store);
      await this.failpoints.reached('replayed', ended);
      this.tell(connection, outcome.kind);
      return 'saved';
    } catch (error) {
      this.parts.events.emit({
        type: 'fault',
        during: `replay of ${connectionName(connection)}`,
        error: messageOf(error),
      });
      return 'ahead';
    }
  }

  /** The end of an attempt of this spool: what is not in a whole journal was never sent. */
  private async end(
    connection: Connection,
    attemptId: string | undefined,
    known: ReadonlyMap<string, SpooledAttempt>,
  ): Promise<void> {
    if (attemptId === undefined) return;
    const attempt = known.get(attemptId);
    if (attempt?.answer) return;
    const mayHaveBeenSent = attempt ? !attempt.unsent : this.parts.spool.damaged > 0;
    // Where the journal does not say when, no grace window counts.
    const requestedAt = attempt?.sent.requestedAt ?? 0;
    await this.fail(connection, attemptId, mayHaveBeenSent ? ANSWER_LOST : NEVER_SENT, { requestedAt });
  }

  private async fail(
    connection: Connection,
    attemptId: string,
    failure: Failure,
    about: { readonly requestedAt: number; readonly atRevision?: number; readonly askSpool?: string },
  ): Promise<void> {
    const ended = {
      connection,
      attemptId,
      generation: connection.generation,
      variant: DEFAULT_VARIANT,
      ...about,
    };
    await this.failpoints.reached('replaying', ended);
    const outcome = await this.parts.finisher.fail(ended, failure, this.parts.store);
    await this.failpoints.reached('replayed', ended);
    this.tell(connection, outcome.kind);
  }

  private tell(connection: Connection, outcome: string): void {
    this.parts.events.emit({ type: 'spool.replayed', connection: connectionName(connection), outcome });
  }
}

/** Whether the row says what became of the attempt, or still has it. */
function knows({ attempt, doubt }: Connection, attemptId: string): boolean {
  return attempt?.id === attemptId || doubt?.attemptId === attemptId;
}

/** Whether a row that knows nothing of an attempt at its own generation has lost it: nobody is at it, and it spends. */
function lacks({ attempt, state, stateBeforePause }: Connection): boolean {
  const spends = [state, stateBeforePause].some((one) => one === 'ACTIVE' || one === 'IN_DOUBT');
  return attempt === undefined && spends;
}
