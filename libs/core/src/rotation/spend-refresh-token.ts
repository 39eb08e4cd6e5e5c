import type { Clock } from '../clock.js';
import type { Connection } from '../connection/connection.js';
import { DEFAULT_VARIANT, type Variant } from '../connection/variant.js';
import { isStoreUnavailable, messageOf } from '../errors.js';
import type { OAuthClient } from '../oauth-client/oauth-client.js';
import { sealingContext, type Sealer } from '../sealer.js';
import { NO_FAILPOINTS, type Failpoints } from './failpoints.js';
import type { EndedExchange, RotationFinisher, SpendOutcome } from './finish-rotation.js';
import { PROBE_FORBIDDEN_CODE, type Failure } from './judge.js';
import type { RotationTimings } from './policy.js';
import type {
  Claim,
  ClientSource,
  HeldAttempt,
  RawAnswer,
  RotationStore,
  TokenEndpoint,
  TokenExchange,
  TokenRequest,
} from './ports.js';
import type { RedoMark } from './redo-mark.js';
import type { Spool } from './spool.js';

const PROBE_FORBIDDEN: Failure = {
  kind: 'final',
  code: PROBE_FORBIDDEN_CODE,
  description: 'A refresh token may have been spent, and the profile of its server forbids to try it again.',
};

/** What the spender needs. */
export interface SpenderParts {
  readonly store: RotationStore;
  readonly clients: ClientSource;
  readonly endpoint: TokenEndpoint;
  readonly sealer: Sealer;
  readonly spool: Spool;
  readonly finisher: RotationFinisher;
  readonly clock: Clock;
  readonly redoMark: RedoMark;
  readonly timings: RotationTimings;
  /** Absent: {@link NO_FAILPOINTS}. */
  readonly failpoints?: Failpoints | undefined;
}

/**
 * Spends refresh tokens. **This is the only file of the project that sends one** (promise P1); a test holds
 * that. The steps are numbered as in `docs/how-a-rotation-works.md`; client credentials take the same path
 * without the spool, since a lost answer costs nothing there.
 */
export class Spender {
  private readonly failpoints: Failpoints;

  constructor(private readonly parts: SpenderParts) {
    this.failpoints = parts.failpoints ?? NO_FAILPOINTS;
  }

  /**
   * Carries out a claimed attempt: steps 2 to 8. A database that goes away meanwhile is no error here: what
   * is to be saved waits for it.
   */
  async spend(claim: Claim, variant: Variant = DEFAULT_VARIANT): Promise<SpendOutcome> {
    const { store, finisher } = this.parts;
    const before = this.ended(claim, claim.connection, variant);
    await this.failpoints.reached('claimed', before);
    const prepared = await this.prepare(claim.connection);
    if ('failure' in prepared) return finisher.fail(before, prepared.failure, store);

    // Step 2: the row lock proves that this spender is alive.
    const held = await this.hold(claim);
    if (held === undefined) {
      // Taken over, paused or authorized anew. Where the attempt is still there, nobody else ends it.
      const gone = notSent('superseded', 'The connection was changed before its token was sent.');
      await finisher.fail(before, gone.failure, store);
      return { kind: 'superseded', connection: claim.connection };
    }
    if ('failure' in held) return finisher.fail(before, held.failure, store);
    try {
      return await this.exchange(claim, held, prepared, variant);
    } finally {
      // Step 8.
      await held.release();
      await this.failpoints.reached('released', before);
    }
  }

  private async exchange(
    claim: Claim,
    held: HeldAttempt,
    prepared: { readonly client: OAuthClient; readonly exchange: TokenExchange },
    variant: Variant,
  ): Promise<SpendOutcome> {
    const { endpoint, timings, finisher, clock, redoMark } = this.parts;
    const { failpoints } = this;
    const { client, exchange } = prepared;
    const request = await this.requestFor(held.connection, variant);
    // The life of the access token counts from here, on the clock that all replicas share.
    const ended = this.ended(claim, held.connection, variant);
    await failpoints.reached('held', ended);
    if ('failure' in request) return finisher.fail(ended, request.failure, held);

    // Step 3.
    await failpoints.reached('journaling', ended);
    const unjournaled = await this.journalSending(ended, claim.attempt.number);
    if (unjournaled) return finisher.fail(ended, unjournaled.failure, held);

    await failpoints.reached('journaled', ended);

    // Step 4.
    const sendBy = claim.claimedAtMonotonic + timings.attemptDeadlineMs - timings.exchangeTimeoutMs;
    const mayWrite = (): boolean => clock.monotonic() <= sendBy && redoMark.allows(claim.claimedAtMonotonic);
    await failpoints.reached('requesting', ended);
    const sent = await exchange.send(request, { mayWrite, timeoutMs: timings.exchangeTimeoutMs });

    // Step 5: until step 6 is done, the answer exists in this process only.
    await failpoints.reached('answered', ended);
    if (sent.kind === 'notSent') await this.parts.spool.unsent(ended.attemptId);
    if (sent.kind !== 'answered') return finisher.finish(ended, client, sent, held);
    // Step 6.
    await this.journalAnswer(ended, sent.answer);
    await failpoints.reached('answer_journaled', ended);
    return finisher.finish(ended, client, endpoint.interpret(client, sent.answer), held);
  }

  private ended(claim: Claim, connection: Connection, variant: Variant): EndedExchange {
    const { id: attemptId, generation } = claim.attempt;
    const requestedAt = this.parts.clock.now();
    const { canary } = claim;
    return { connection, attemptId, generation, variant, requestedAt, ...(canary ? { canary } : {}) };
  }

  /** Nothing is sent that could not be journaled: rotating stops, and what is held goes on being served. */
  private async journalSending(
    ended: EndedExchange,
    attemptNumber: number | undefined,
  ): Promise<{ failure: Failure } | undefined> {
    const { connection, attemptId, generation, variant, requestedAt } = ended;
    if (connection.grantType === 'client_credentials') return undefined;
    try {
      const { uid, authorizationEpoch } = connection;
      await this.parts.spool.sent({
        attemptId,
        uid,
        generation,
        authorizationEpoch,
        variant,
        requestedAt,
        ...(attemptNumber === undefined ? {} : { attemptNumber }),
      });
      return undefined;
    } catch (error) {
      return notSent('spool_unavailable', `The spool cannot be written: ${messageOf(error)}`);
    }
  }

  /** Where the spool cannot be written any more, the database still can: the answer goes on its way. */
  private async journalAnswer({ connection, attemptId }: EndedExchange, answer: RawAnswer): Promise<void> {
    if (connection.grantType === 'client_credentials') return;
    const { sealer, spool } = this.parts;
    try {
      const body = await sealer.seal(answer.body, sealingContext.spooledAnswer(attemptId));
      await spool.answered(attemptId, { status: answer.status, headers: answer.headers, body });
    } catch {
      // The save that follows is what counts; its failure would be told.
    }
  }

  /** What may fail while no token is at stake: the OAuth client, its secret, the endpoint. */
  private async prepare(
    connection: Connection,
  ): Promise<{ client: OAuthClient; exchange: TokenExchange } | { failure: Failure }> {
    const { clients, endpoint, sealer } = this.parts;
    try {
      const client = await clients.client(connection.clientId);
      if (client === undefined) {
        return notSent('client_unknown', 'The OAuth client is not registered any more.');
      }
      if (connection.state === 'IN_DOUBT' && endpoint.profileOf(client).probe === 'never') {
        return { failure: PROBE_FORBIDDEN };
      }
      const secret =
        client.clientSecret &&
        (await sealer.open(client.clientSecret, sealingContext.clientSecret(client.uid)));
      const exchange = await endpoint.prepare(client, secret);
      if ('notReady' in exchange) return notSent(exchange.notReady, exchange.description);
      return { client, exchange };
    } catch (error) {
      const code = isStoreUnavailable(error) ? 'database_unavailable' : 'client_unusable';
      return notSent(code, messageOf(error));
    }
  }

  private async hold(claim: Claim): Promise<HeldAttempt | { failure: Failure } | undefined> {
    try {
      return await this.parts.store.hold(claim);
    } catch (error) {
      if (!isStoreUnavailable(error)) throw error;
      return notSent('database_unavailable', messageOf(error));
    }
  }

  private async requestFor(
    connection: Connection,
    variant: Variant,
  ): Promise<TokenRequest | { failure: Failure }> {
    const { scopes, resource } = variant;
    if (connection.grantType === 'client_credentials') {
      const asked = scopes.length > 0 ? scopes : connection.scopes;
      return { grantType: 'client_credentials', scopes: asked, resource };
    }
    if (connection.refreshToken === undefined) {
      return notSent('no_refresh_token', 'The connection has no refresh token; authorize it again.');
    }
    const context = sealingContext.refreshToken(connection.uid, connection.generation);
    try {
      const refreshToken = await this.parts.sealer.open(connection.refreshToken, context);
      return { grantType: 'refresh_token', refreshToken, scopes, resource };
    } catch (error) {
      return notSent('unreadable_refresh_token', messageOf(error));
    }
  }
}

function notSent(code: string, description: string): { failure: Failure } {
  return { failure: { kind: 'notSent', code, description } };
}
