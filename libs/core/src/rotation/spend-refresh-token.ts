import type { Clock } from '../clock.js';
import type { AccessToken, Connection, StoredAccessToken } from '../connection/connection.js';
import { DEFAULT_VARIANT, type Variant } from '../connection/variant.js';
import { isStoreUnavailable, messageOf } from '../errors.js';
import type { OAuthClient } from '../oauth-client/oauth-client.js';
import { sealingContext, type Sealer } from '../sealer.js';
import { changeAfterFailure, type Failure } from './judge.js';
import type { PendingSaves } from './pending-saves.js';
import { dueAfterRotation, type RotationTimings } from './policy.js';
import type {
  Claim,
  ClientSource,
  FailureChange,
  HeldAttempt,
  Interpretation,
  RotationChange,
  RotationStore,
  SaveResult,
  TokenEndpoint,
  TokenExchange,
  TokenRequest,
} from './ports.js';

const PROBE_FORBIDDEN: Failure = {
  kind: 'final',
  code: 'probe_forbidden',
  description: 'A refresh token may have been spent, and the profile of its server forbids to try it again.',
};

/** How a try at a rotation ended. */
export type SpendOutcome =
  | {
      readonly kind: 'rotated';
      /** The connection as it was before. */
      readonly connection: Connection;
      readonly token: AccessToken;
      readonly generation: number;
      readonly tokenTtlMs: number;
      /** `false` while the database is away: the answer is held in memory and saved as soon as it is back. */
      readonly saved: boolean;
    }
  | {
      readonly kind: 'released' | 'denied' | 'doubted';
      readonly connection: Connection;
      readonly change: FailureChange;
    }
  /** The attempt was gone before anything was sent, or the row had moved on: somebody else's word counts. */
  | { readonly kind: 'superseded'; readonly connection: Connection };

/** What the spender needs. */
export interface SpenderParts {
  readonly store: RotationStore;
  readonly clients: ClientSource;
  readonly endpoint: TokenEndpoint;
  readonly sealer: Sealer;
  readonly pending: PendingSaves;
  readonly clock: Clock;
  readonly timings: RotationTimings;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Spends refresh tokens. **This is the only file of the project that sends one** (promise P1); a test holds
 * that. The steps are numbered as in `docs/how-a-rotation-works.md`; client credentials take the same path,
 * so that there is one path to prove.
 */
export class Spender {
  constructor(private readonly parts: SpenderParts) {}

  /**
   * Carries out a claimed attempt: steps 2 to 8. A database that goes away meanwhile is no error here: what
   * is to be saved waits for it.
   */
  async spend(claim: Claim, variant: Variant = DEFAULT_VARIANT): Promise<SpendOutcome> {
    const { store } = this.parts;
    const prepared = await this.prepare(claim.connection);
    if ('failure' in prepared) return this.fail(claim, claim.connection, store, prepared.failure);

    // Step 2: the row lock proves that this spender is alive.
    const held = await this.hold(claim);
    if (held === undefined) {
      // Taken over, paused or authorized anew. Where the attempt is still there, nobody else ends it.
      const gone = notSent('superseded', 'The connection was changed before its token was sent.');
      await this.fail(claim, claim.connection, store, gone.failure);
      return { kind: 'superseded', connection: claim.connection };
    }
    if ('failure' in held) return this.fail(claim, claim.connection, store, held.failure);
    try {
      return await this.exchange(claim, held, prepared, variant);
    } finally {
      // Step 8.
      await held.release();
    }
  }

  private async exchange(
    claim: Claim,
    held: HeldAttempt,
    prepared: { readonly client: OAuthClient; readonly exchange: TokenExchange },
    variant: Variant,
  ): Promise<SpendOutcome> {
    const { clock, timings } = this.parts;
    const { client, exchange } = prepared;
    const connection = held.connection;
    const request = await this.requestFor(connection, variant);
    if ('failure' in request) return this.fail(claim, connection, held, request.failure);

    // Step 4. The life of the access token counts from here, on the clock that all replicas share.
    const requestedAt = clock.now();
    const sendBy = claim.claimedAtMonotonic + timings.attemptDeadlineMs - timings.exchangeTimeoutMs;
    const sent = await exchange.send(request, { sendBy, timeoutMs: timings.exchangeTimeoutMs });

    // Step 5: from here until it is saved, the answer exists in this process only.
    const meaning = sent.kind === 'answered' ? exchange.interpret(sent.answer) : sent;
    if (meaning.kind !== 'granted') return this.fail(claim, connection, held, meaning);
    const token = accessTokenOf(meaning, client, connection, variant, requestedAt);
    const change = await this.changeAfterGrant(meaning, client, connection, variant, token);

    // Step 7.
    const saved = await this.save(claim, held, change);
    if (saved === 'superseded') return { kind: 'superseded', connection };
    return {
      kind: 'rotated',
      connection,
      token,
      generation: token.generation,
      tokenTtlMs: token.expiresAt - token.requestedAt,
      saved: saved === 'saved',
    };
  }

  /** What may fail while no token is at stake: the OAuth client, its secret, the endpoint. */
  private async prepare(
    connection: Connection,
  ): Promise<{ client: OAuthClient; exchange: TokenExchange } | { failure: Failure }> {
    const { clients, endpoint, sealer } = this.parts;
    const client = await clients.client(connection.clientId);
    if (client === undefined)
      return notSent('client_unknown', 'The OAuth client is not registered any more.');
    try {
      const secret =
        client.clientSecret &&
        (await sealer.open(client.clientSecret, sealingContext.clientSecret(client.uid)));
      const exchange = await endpoint.prepare(client, secret);
      if ('notReady' in exchange) return notSent(exchange.notReady, exchange.description);
      if (exchange.probe === 'never' && connection.state === 'IN_DOUBT') {
        return { failure: PROBE_FORBIDDEN };
      }
      return { client, exchange };
    } catch (error) {
      return notSent('client_unusable', messageOf(error));
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

  private async changeAfterGrant(
    grant: Extract<Interpretation, { kind: 'granted' }>,
    client: OAuthClient,
    connection: Connection,
    variant: Variant,
    token: AccessToken,
  ): Promise<RotationChange> {
    const { sealer, random } = this.parts;
    const isDefault = variant.key === '';
    const tokenTtlMs = token.expiresAt - token.requestedAt;
    const { token: accessToken, ...rest } = token;
    const stored: StoredAccessToken = {
      ...rest,
      token: await sealer.seal(
        accessToken,
        sealingContext.accessToken(connection.uid, variant.key, token.generation),
      ),
    };
    return {
      kind: 'rotated',
      generation: token.generation,
      accessToken: stored,
      tokenTtlMs,
      ...(await this.nextRefreshToken(grant, connection, token.generation)),
      ...(isDefault && grant.scopes ? { scopes: grant.scopes } : {}),
      ...(isDefault ? { dueAt: dueAfterRotation(client, token.requestedAt, tokenTtlMs, random) } : {}),
    };
  }

  /** The next refresh token, sealed for its generation; the old one where the server did not rotate. */
  private async nextRefreshToken(
    grant: Extract<Interpretation, { kind: 'granted' }>,
    connection: Connection,
    generation: number,
  ): Promise<Pick<Extract<RotationChange, { kind: 'rotated' }>, 'refreshToken'>> {
    if (connection.grantType === 'client_credentials' || connection.refreshToken === undefined) return {};
    const { sealer } = this.parts;
    const next =
      grant.refreshToken ??
      (await sealer.open(
        connection.refreshToken,
        sealingContext.refreshToken(connection.uid, connection.generation),
      ));
    return { refreshToken: await sealer.seal(next, sealingContext.refreshToken(connection.uid, generation)) };
  }

  private async fail(
    claim: Claim,
    connection: Connection,
    saver: Pick<HeldAttempt, 'save'>,
    failure: Failure,
  ): Promise<SpendOutcome> {
    const { clock, random } = this.parts;
    const change = changeAfterFailure(connection, failure, clock.now(), random);
    const saved = await this.save(claim, saver, change);
    return saved === 'superseded'
      ? { kind: 'superseded', connection }
      : { kind: change.kind, connection, change };
  }

  /**
   * Saves; where that fails, for whatever reason, hands over to the pending saves, which own the answer from
   * then on: no error may take it along (promise P3).
   */
  private async save(
    claim: Claim,
    saver: Pick<HeldAttempt, 'save'>,
    change: RotationChange,
  ): Promise<SaveResult | 'pending'> {
    const { id: attemptId, generation } = claim.attempt;
    const save = { uid: claim.connection.uid, generation, attemptId, change };
    try {
      return await saver.save(save);
    } catch {
      this.parts.pending.add(save);
      return 'pending';
    }
  }
}

function notSent(code: string, description: string): { failure: Failure } {
  return { failure: { kind: 'notSent', code, description } };
}

function accessTokenOf(
  grant: Extract<Interpretation, { kind: 'granted' }>,
  client: OAuthClient,
  connection: Connection,
  variant: Variant,
  requestedAt: number,
): AccessToken {
  const ttl = grant.expiresInMs ?? client.defaultTokenTtlMs;
  return {
    variantKey: variant.key,
    token: grant.accessToken,
    tokenType: grant.tokenType,
    scopes: grant.scopes ?? (variant.scopes.length > 0 ? variant.scopes : connection.scopes),
    resource: variant.resource,
    generation: connection.grantType === 'client_credentials' ? 0 : connection.generation + 1,
    requestedAt,
    expiresAt: requestedAt + ttl,
  };
}
