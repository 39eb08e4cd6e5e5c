import type { Clock } from '../clock.js';
import type { AccessToken, Connection, StoredAccessToken } from '../connection/connection.js';
import { lifetimesAfter, type Lifetimes } from '../connection/lifetimes.js';
import type { Variant } from '../connection/variant.js';
import type { Canary, OAuthClient } from '../oauth-client/oauth-client.js';
import { sealingContext, type Sealer } from '../sealer.js';
import { NO_FAILPOINTS, type Failpoints } from './failpoints.js';
import { changeAfterFailure, PROBE_FORBIDDEN_CODE, type Failure } from './judge.js';
import type { PendingSaves } from './pending-saves.js';
import { dueAfterRotation, lastSafeRotation } from './policy.js';
import type {
  FailureChange,
  HeldAttempt,
  Interpretation,
  RotationChange,
  RotationSave,
  SaveResult,
} from './ports.js';
import type { RotationProfiles } from './rotation-profile.js';
import type { Spool } from './spool.js';
import { withReprieve, type StormBrake } from './storm-brake.js';

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
      /** What it was that failed. */
      readonly failure: Failure;
    }
  /** The attempt was gone before anything was sent, or the row had moved on: somebody else's word counts. */
  | { readonly kind: 'superseded'; readonly connection: Connection };

/** One exchange that has come to its end, in this life of the process or in the one before. */
export interface EndedExchange {
  readonly connection: Connection;
  readonly attemptId: string;
  /** The generation that was, or would have been, spent. */
  readonly generation: number;
  readonly variant: Variant;
  readonly requestedAt: number;
  /** Present for a redo: see {@link RotationSave.atRevision}. */
  readonly atRevision?: number;
  /** See {@link EndedAttempt.askSpool}. */
  readonly askSpool?: string;
  /** Present where its OAuth client has to prove itself by it. */
  readonly canary?: Canary;
}

/** What the end of a rotation needs. */
export interface FinisherParts {
  readonly sealer: Sealer;
  readonly pending: PendingSaves;
  readonly spool: Spool;
  readonly brake: StormBrake;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly profiles: RotationProfiles;
  /** Absent: {@link NO_FAILPOINTS}. */
  readonly failpoints?: Failpoints | undefined;
}

type Grant = Extract<Interpretation, { kind: 'granted' }>;

/**
 * From an answer to the row: steps 7 and 8. A rotation comes here from the wire, and a replay of the spool
 * from the disk; what they do is the same.
 */
export class RotationFinisher {
  private readonly failpoints: Failpoints;

  constructor(private readonly parts: FinisherParts) {
    this.failpoints = parts.failpoints ?? NO_FAILPOINTS;
  }

  /** Saves what the answer means. */
  async finish(
    ended: EndedExchange,
    client: OAuthClient,
    meaning: Grant | Failure,
    saver: Pick<HeldAttempt, 'save'>,
  ): Promise<SpendOutcome> {
    if (meaning.kind !== 'granted') return this.fail(ended, meaning, saver);
    const { connection } = ended;
    this.parts.brake.granted(connection.clientId);
    const token = accessTokenOf(meaning, client, ended);
    const saved = await this.save(ended, await this.changeAfterGrant(meaning, client, ended, token), saver);
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

  /** Saves that there is no token, and why. */
  async fail(
    ended: EndedExchange,
    failure: Failure,
    saver: Pick<HeldAttempt, 'save'>,
  ): Promise<SpendOutcome> {
    const { connection } = ended;
    const change = await this.changeAfter(ended, failure);
    const saved = await this.save(ended, change, saver);
    if (saved === 'superseded') return { kind: 'superseded', connection };
    const doubt = change.kind === 'denied' && saved === 'doubted' ? change.whileFrozen : undefined;
    if (doubt) return { kind: 'doubted', connection, change: { kind: 'doubted', ...doubt }, failure };
    return { kind: change.kind, connection, change, failure };
  }

  private async changeAfter(ended: EndedExchange, failure: Failure): Promise<FailureChange> {
    const { clock, random, brake, profiles } = this.parts;
    const { connection } = ended;
    const change = changeAfterFailure(connection, failure, clock.now(), random, {
      ...ended,
      profile: profiles.of(connection.clientId),
      sentAt: earliestSending(ended),
    });
    if (change.kind === 'released' && ended.variant.key !== '') return { ...change, variantOnly: true };
    const isServersWord = failure.kind === 'final' && failure.code !== PROBE_FORBIDDEN_CODE;
    if (change.kind !== 'denied' || !isServersWord) return change;
    // Before the denial is saved: the one that trips the brake is not to be given up either.
    await brake.denied(connection, { ...change.lastError, code: failure.code }, ended.canary);
    return withReprieve(connection, change, clock.now());
  }

  private async changeAfterGrant(
    grant: Grant,
    client: OAuthClient,
    { connection, variant }: EndedExchange,
    token: AccessToken,
  ): Promise<RotationChange> {
    const { sealer, random } = this.parts;
    const isDefault = variant.key === '';
    const tokenTtlMs = token.expiresAt - token.requestedAt;
    const lifetimes = this.lifetimes(grant, client, connection, token.requestedAt);
    // Another variant's rotation leaves the plan alone, unless the refresh token would not live to see it.
    const dueAt = isDefault
      ? dueAfterRotation(client, connection.uid, token.requestedAt, tokenTtlMs, random, lifetimes)
      : sooner(connection.dueAt, lastSafeRotation(token.requestedAt, random, lifetimes));
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
      ...(dueAt === undefined ? {} : { dueAt }),
      ...lifetimes,
    };
  }

  /** Client credentials have no refresh token that could end. */
  private lifetimes(
    grant: Grant,
    client: OAuthClient,
    connection: Connection,
    requestedAt: number,
  ): Lifetimes {
    if (connection.grantType === 'client_credentials') return {};
    const { rotates } = this.parts.profiles.of(connection.clientId);
    return lifetimesAfter(grant, requestedAt, client, connection, rotates);
  }

  /** The next refresh token, sealed for its generation; the old one where the server did not rotate. */
  private async nextRefreshToken(
    grant: Grant,
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

  /**
   * Saves; where that fails, for whatever reason, hands over to the pending saves, which own the answer from
   * then on: no error may take it along (promise P3).
   */
  private async save(
    ended: EndedExchange,
    change: RotationChange,
    saver: Pick<HeldAttempt, 'save'>,
  ): Promise<SaveResult | 'pending'> {
    const { connection, attemptId, generation, atRevision } = ended;
    const { uid, authorizationEpoch } = connection;
    const save: RotationSave = {
      uid,
      generation,
      authorizationEpoch,
      attemptId,
      change,
      ...(atRevision === undefined ? {} : { atRevision }),
    };
    await this.failpoints.reached('saving', ended);
    let result: SaveResult;
    try {
      result = await saver.save(save);
      // Step 8. A record that is not marked as settled is replayed once more, which does nothing.
      void this.parts.spool.settled(attemptId).catch(() => undefined);
    } catch {
      this.parts.pending.add(save);
      return 'pending';
    }
    await this.failpoints.reached('saved', ended);
    return result;
  }
}

/** The sooner of a plan and its last safe moment; `undefined` where the plan stands. */
function sooner(planned: number | undefined, lastSafe: number | undefined): number | undefined {
  return lastSafe !== undefined && (planned === undefined || lastSafe < planned) ? lastSafe : undefined;
}

/** Not before it was claimed, whenever it was that somebody looked at how it had ended. */
function earliestSending({ connection: { attempt }, attemptId, requestedAt }: EndedExchange): number {
  return attempt?.id === attemptId ? Math.min(attempt.startedAt, requestedAt) : requestedAt;
}

function accessTokenOf(grant: Grant, client: OAuthClient, ended: EndedExchange): AccessToken {
  const { connection, variant, requestedAt } = ended;
  const ttl = grant.expiresInMs ?? client.defaultTokenTtlMs;
  return {
    variantKey: variant.key,
    token: grant.accessToken,
    tokenType: grant.tokenType,
    scopes: grant.scopes ?? (variant.scopes.length > 0 ? variant.scopes : connection.scopes),
    resource: variant.resource,
    generation: connection.grantType === 'client_credentials' ? 0 : ended.generation + 1,
    requestedAt,
    expiresAt: requestedAt + ttl,
  };
}
