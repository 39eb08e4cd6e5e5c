import type { AccessPolicy, Workload } from '../access/access.js';
import { hasRole } from '../access/access.js';
import { sleep, type Clock } from '../clock.js';
import type { AccessToken, Connection } from '../connection/connection.js';
import { refusalForState, serverDown, tooManyWaiting } from '../connection/refusals.js';
import { variantOf, type Variant } from '../connection/variant.js';
import { BrokerError, isStoreUnavailable, type Refusal, type RefusalReason } from '../errors.js';
import type { EventSink } from '../events.js';
import { connectionName, type ConnectionName } from '../resource-names.js';
import type { DemandRotations } from '../rotation/rotate-on-demand.js';
import type { SpendOutcome } from '../rotation/finish-rotation.js';
import type { Deadline } from '../rotation/slots.js';
import { Flights } from './flights.js';
import type { HeldConnection, HeldTokens } from './held-tokens.js';
import { lifeLeft, longestTtl, wantedTtl } from './life.js';
import type { ReconnectLinks, TokenStore } from './ports.js';

/** What a workload asks for. */
export interface AccessTokenRequest {
  readonly connection: ConnectionName;
  /** Absent: the default of {@link wantedTtl}. */
  readonly minTtlMs?: number;
  readonly scopes: readonly string[];
  readonly resource: string;
  /** A {@link Clock.monotonic} instant. */
  readonly deadline: number;
}

/** An access token that is good now, or why there is none: refusals are values. */
export type AccessTokenAnswer =
  | { readonly token: AccessToken; readonly ttlMs: number }
  | { readonly refusal: Refusal };

/** What the hand-out needs. */
export interface HandOutParts {
  readonly policy: () => AccessPolicy;
  readonly held: HeldTokens;
  readonly store: TokenStore;
  readonly demand: DemandRotations;
  readonly links: ReconnectLinks;
  readonly events: EventSink;
  readonly clock: Clock;
}

/**
 * How much earlier than its last caller a flight gives up, so that the refusal arrives with its reason: a
 * tenth of the time, at most this much.
 */
const FLIGHT_MARGIN_MS = 50;

/** How many flights may be under way for one OAuth client: waiters never pile up. */
const MOST_FLIGHTS = 1_000;

/**
 * How long a caller that named no `min_ttl` waits for a fresher token than the one that is held: nobody waits
 * on a broken authorization server for a token that is still good (promise P6).
 */
const WISH_MS = 1_000;

/** Refusals that say nothing about whether the held token may be served. */
const PASSING: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  'AUTHORIZATION_SERVER_DOWN',
  'AUTHORIZATION_SERVER_REFUSED',
  'CLIENT_FROZEN',
  'CONNECTION_IN_DOUBT',
  'DATABASE_UNAVAILABLE',
  'RATE_BUDGET',
  'SHUTTING_DOWN',
  'SPENDING_STOPPED',
  'TOO_MANY_WAITING',
  'WAIT_EXPIRED',
]);

/** Those among them that are about how long somebody was ready to wait. */
const LATE: ReadonlySet<RefusalReason> = new Set<RefusalReason>(['RATE_BUDGET', 'WAIT_EXPIRED']);

/**
 * *call → who → may → cache or spend → answer*
 *
 * A `min_ttl` that the caller named is kept or refused. One that it did not name is a wish: where a fresher
 * token cannot be had in time, a held one that has any life left is answered.
 */
export class AccessTokenHandOut {
  private readonly flights: Flights<AccessTokenAnswer>;

  constructor(private readonly parts: HandOutParts) {
    this.flights = new Flights(MOST_FLIGHTS);
  }

  /** Answers a good token from memory, or from the database, or by a rotation. Throws on faults only. */
  async get(caller: Workload, request: AccessTokenRequest): Promise<AccessTokenAnswer> {
    const startedAt = this.parts.clock.monotonic();
    const answered = (answer: AccessTokenAnswer, how: 'cached' | 'rotated'): AccessTokenAnswer => {
      this.parts.events.emit({
        type: 'token.read',
        connection: connectionName(request.connection),
        workload: caller.id,
        outcome: 'refusal' in answer ? answer.refusal.reason : how,
        durationMs: this.parts.clock.monotonic() - startedAt,
      });
      return answer;
    };
    if (!this.parts.policy().mayGetTokens(caller, request.connection)) {
      return answered({ refusal: await this.denial(caller, request.connection) }, 'cached');
    }
    try {
      const cached = this.fromMemory(request);
      if (cached) return answered(cached, 'cached');
      const isWish = request.minTtlMs === undefined;
      const answer = await (isWish
        ? this.fresherOrHeld(caller, request)
        : this.waitForFlight(caller, request));
      return answered(answer, 'rotated');
    } catch (error) {
      if (error instanceof BrokerError) return answered({ refusal: error.refusal }, 'cached');
      throw error;
    }
  }

  /** A fresher token, or the one that is held where that cannot be had soon. */
  private async fresherOrHeld(caller: Workload, request: AccessTokenRequest): Promise<AccessTokenAnswer> {
    const any = { ...request, minTtlMs: 0 };
    const soon = this.parts.clock.monotonic() + WISH_MS;
    const deadline = this.fromMemory(any) ? Math.min(request.deadline, soon) : request.deadline;
    const answer = await this.waitForFlight(caller, { ...request, deadline });
    if (!('refusal' in answer) || !PASSING.has(answer.refusal.reason)) return answer;
    return this.fromMemory(any) ?? answer;
  }

  private fromMemory(request: AccessTokenRequest): AccessTokenAnswer | undefined {
    const held = this.parts.held.get(connectionName(request.connection));
    if (!held || refusalForState(held.connection)) return undefined;
    const variant = variantOf(request.scopes, request.resource, held.connection.scopes);
    return this.goodToken(held, variant, request.minTtlMs);
  }

  private goodToken(
    held: HeldConnection,
    variant: Variant,
    minTtlMs: number | undefined,
  ): { token: AccessToken; ttlMs: number } | undefined {
    const token = held.tokens.get(variant.key);
    if (!token) return undefined;
    const ttlMs = lifeLeft(token, this.parts.clock.now());
    return ttlMs > 0 && ttlMs >= wantedTtl(minTtlMs, token) ? { token, ttlMs } : undefined;
  }

  /** One flight per connection and variant inside the process; each caller waits by its own deadline. */
  private async waitForFlight(caller: Workload, request: AccessTokenRequest): Promise<AccessTokenAnswer> {
    const { clock } = this.parts;
    const key = JSON.stringify([connectionName(request.connection), request.scopes, request.resource]);
    const { clientId } = request.connection;
    const left = request.deadline - clock.monotonic();
    const until = request.deadline - Math.min(FLIGHT_MARGIN_MS, Math.max(0, left / 10));
    for (let joined = true; joined;) {
      const boarded = this.flights.board(clientId, key, until, (deadline) =>
        this.fly(caller, request, deadline),
      );
      if (!boarded) return { refusal: tooManyWaiting(clientId) };
      const { flight } = boarded;
      ({ joined } = boarded);
      const over = new AbortController();
      const timeout = sleep(request.deadline - clock.monotonic(), over.signal).then(() => undefined);
      const answer = await Promise.race([flight, timeout]).finally(() => over.abort());
      if (answer === undefined) return { refusal: waitExpired() };
      if (!joined) return answer;
      // A flight that somebody else began may have brought less life than this caller wants, or a refusal
      // that is about what that one asked for.
      const good = this.fromMemory(request);
      if (good) return good;
      if ('refusal' in answer && PASSING.has(answer.refusal.reason)) {
        // Somebody else's patience was over, and not this caller's.
        const isTooLate = LATE.has(answer.refusal.reason);
        if (!isTooLate || clock.monotonic() >= until) return answer;
      }
    }
    return { refusal: waitExpired() };
  }

  private async fly(
    caller: Workload,
    request: AccessTokenRequest,
    deadline: Deadline,
  ): Promise<AccessTokenAnswer> {
    const { store, held, demand } = this.parts;
    try {
      const found = await store.findByName(request.connection);
      if (!found) return { refusal: await this.denial(caller, request.connection) };
      const { connection } = await held.keep(found);
      const variant = variantOf(request.scopes, request.resource, connection.scopes);
      const cached = this.fromMemory(request);
      if (cached) return cached;
      const tooLong = unsatisfiable(connection, request.minTtlMs);
      if (tooLong) return { refusal: tooLong };
      const result = await demand.rotate(connection.uid, variant, 'demand', deadline, (row) =>
        this.adopt(row, request),
      );
      if ('adopted' in result) return result.adopted;
      if ('refusal' in result) return { refusal: await this.withLink(result.refusal, connection) };
      return await this.afterRotation(result.outcome, request);
    } catch (error) {
      if (error instanceof BrokerError) return { refusal: error.refusal };
      if (isStoreUnavailable(error)) return { refusal: databaseAway() };
      throw error;
    }
  }

  /** The loser of a race adopts the winner's token. */
  private async adopt(row: Connection, request: AccessTokenRequest): Promise<AccessTokenAnswer | undefined> {
    const held = this.parts.held.get(connectionName(request.connection));
    if (!held || held.connection.revision < row.revision) {
      const found = await this.parts.store.findByName(request.connection);
      if (found) await this.parts.held.keep(found);
    }
    return this.fromMemory(request);
  }

  private async afterRotation(
    outcome: SpendOutcome,
    request: AccessTokenRequest,
  ): Promise<AccessTokenAnswer> {
    const { connection } = outcome;
    switch (outcome.kind) {
      case 'rotated': {
        const { token } = outcome;
        const ttlMs = lifeLeft(token, this.parts.clock.now());
        if (ttlMs > 0 && ttlMs >= wantedTtl(request.minTtlMs, token)) return { token, ttlMs };
        const fresh: Connection = { ...connection, tokenTtlMs: outcome.tokenTtlMs };
        return { refusal: unsatisfiable(fresh, request.minTtlMs) ?? waitExpired() };
      }
      case 'denied': {
        const after: Connection = {
          ...connection,
          state: 'REAUTHORIZATION_REQUIRED',
          lastError: outcome.change.lastError,
        };
        const refusal = refusalForState(after);
        return { refusal: await this.withLink(refusal ?? waitExpired(), after) };
      }
      case 'released':
      case 'doubted': {
        const { change } = outcome;
        const next = change.kind === 'released' ? change.notBefore : 0;
        const { code, description } = change.lastError;
        return { refusal: serverDown(code, description, next - this.parts.clock.now()) };
      }
      case 'superseded':
        return { refusal: waitExpired() };
    }
  }

  private async withLink(refusal: Refusal, connection: Connection): Promise<Refusal> {
    if (refusal.reason !== 'REAUTHORIZATION_REQUIRED') return refusal;
    const uri = await this.parts.links.reconnectUri(connection);
    return uri === undefined
      ? refusal
      : { ...refusal, metadata: { ...refusal.metadata, reconnect_uri: uri } };
  }

  /**
   * The answer to a caller that may not have the token. It is the same whether the connection exists
   * (promise P8), except for callers that may list connections anyway.
   */
  private async denial(caller: Workload, name: ConnectionName): Promise<Refusal> {
    const denied: Refusal = {
      reason: 'ACCESS_DENIED',
      message: `No access rule lets workloads/${caller.id} have this connection's tokens, or the connection does not exist. An administrator can add a rule.`,
      metadata: { connection: connectionName(name) },
    };
    if (!hasRole(caller, 'READER')) return denied;
    try {
      if ((await this.parts.store.findByName(name)) !== undefined) return denied;
    } catch (error) {
      if (isStoreUnavailable(error)) return denied;
      throw error;
    }
    return { reason: 'CONNECTION_NOT_FOUND', message: `${connectionName(name)} does not exist.` };
  }
}

function unsatisfiable(connection: Connection, minTtlMs: number | undefined): Refusal | undefined {
  if (minTtlMs === undefined || connection.tokenTtlMs === undefined) return undefined;
  const longest = longestTtl(connection.tokenTtlMs);
  if (minTtlMs <= longest) return undefined;
  const seconds = Math.floor(longest / 1_000);
  return {
    reason: 'MIN_TTL_UNSATISFIABLE',
    message: `The authorization server's access tokens live too short for this min_ttl: ask for at most ${seconds} s.`,
    metadata: { longest_ttl_seconds: String(seconds) },
  };
}

function waitExpired(): Refusal {
  return {
    reason: 'WAIT_EXPIRED',
    message: 'The deadline passed before a new access token was there. Try again with a longer deadline.',
    retryAfterMs: 1_000,
  };
}

function databaseAway(): Refusal {
  return {
    reason: 'DATABASE_UNAVAILABLE',
    message: 'This replica holds no good token of the connection, and the database is away. Try again.',
    retryAfterMs: 2_000,
  };
}
