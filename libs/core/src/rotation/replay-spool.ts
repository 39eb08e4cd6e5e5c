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
import type { ClientSource, RotationStore, TokenEndpoint } from './ports.js';
import type { Spool, SpooledAnswer, SpooledAttempt } from './spool.js';

/** What a replay needs. */
export interface ReplayParts {
  readonly spool: Spool;
  readonly store: RotationStore;
  readonly clients: ClientSource;
  readonly endpoint: TokenEndpoint;
  readonly finisher: RotationFinisher;
  readonly sealer: Sealer;
  readonly events: EventSink;
  readonly clock: Clock;
  /** Absent: {@link NO_FAILPOINTS}. */
  readonly failpoints?: Failpoints | undefined;
}

/** Nothing was sent, since nothing was journaled. */
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

/**
 * What a replica does about its own life before, as the crash table of the protocol says: before anything is
 * claimed, journaled answers are saved; what was sent without an answer is in doubt at once; what was never
 * sent is given back at once. Nobody has to wait for a deadline.
 */
export class SpoolReplay {
  private readonly failpoints: Failpoints;

  constructor(private readonly parts: ReplayParts) {
    this.failpoints = parts.failpoints ?? NO_FAILPOINTS;
  }

  /** @throws {StoreUnavailableError} */
  async run(): Promise<void> {
    const { spool, store } = this.parts;
    const attempts = new Map(spool.attempts().map((attempt) => [attempt.sent.attemptId, attempt]));
    for (const attempt of attempts.values()) {
      if (attempt.answer) await this.replay(attempt, attempt.answer);
    }
    for (const connection of await store.attemptsOf(spool.id)) {
      const known = attempts.get(connection.attempt?.id ?? '');
      await this.end(connection, known ? ANSWER_LOST : NEVER_SENT);
    }
  }

  /** Also for settled ones: a failover of the database may have lost the commit. The guard decides. */
  private async replay({ sent }: SpooledAttempt, answer: SpooledAnswer): Promise<void> {
    const { store, clients, endpoint, sealer, finisher, spool } = this.parts;
    const { attemptId, uid, generation, variant, requestedAt } = sent;
    const connection = await store.find(uid);
    const client = connection && (await clients.client(connection.clientId));
    if (
      !connection ||
      !client ||
      connection.generation !== generation ||
      connection.authorizationEpoch !== sent.authorizationEpoch
    ) {
      await spool.settled(attemptId);
      return;
    }
    try {
      const body = await sealer.open(answer.body, sealingContext.spooledAnswer(attemptId));
      const { status, headers } = answer;
      const meaning = endpoint.interpret(client, { status, headers, body });
      const ended = { connection, attemptId, generation, variant, requestedAt };
      await this.failpoints.reached('replaying', ended);
      const outcome = await finisher.finish(ended, client, meaning, store);
      await this.failpoints.reached('replayed', ended);
      this.tell(connection, outcome.kind);
    } catch (error) {
      this.parts.events.emit({
        type: 'fault',
        during: `replay of ${connectionName(connection)}`,
        error: messageOf(error),
      });
    }
  }

  private async end(connection: Connection, failure: Failure): Promise<void> {
    const { attempt } = connection;
    if (!attempt) return;
    const { id: attemptId, generation } = attempt;
    const ended = {
      connection,
      attemptId,
      generation,
      variant: DEFAULT_VARIANT,
      requestedAt: this.parts.clock.now(),
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
