import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { AccessToken, Connection } from '../connection/connection.js';
import { BrokerError } from '../errors.js';
import type { EventSink } from '../events.js';
import type { OAuthClient } from '../oauth-client/oauth-client.js';
import { connectionName } from '../resource-names.js';
import { lifetimesAfter } from '../connection/lifetimes.js';
import { dueAfterRotation } from '../rotation/policy.js';
import type { ClientSource } from '../rotation/ports.js';
import type { RotationProfiles } from '../rotation/rotation-profile.js';
import { sealingContext, type Sealer } from '../sealer.js';
import { Secret } from '../secret.js';
import type { ConnectLinks } from './connect-links.js';
import type {
  AuthorizationCodeFlow,
  AuthorizationRequest,
  AuthorizationRequestStore,
  CodeGrant,
  ConnectionStore,
} from './ports.js';

/** How long a user may take between "Continue" and the way back from the authorization server. */
const REQUEST_TTL_MS = 15 * 60_000;

/** How often a save is tried again because a rotation came in between. */
const SAVE_TRIES = 5;

/** What the page shows before the user goes to the authorization server. */
export interface Invitation {
  readonly connection: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  /** Whether this is about granting it again. */
  readonly again: boolean;
}

/** What it needs. */
export interface BrowserAuthorizationParts {
  readonly links: ConnectLinks;
  readonly clients: ClientSource;
  readonly connections: ConnectionStore;
  readonly requests: AuthorizationRequestStore;
  readonly flow: AuthorizationCodeFlow;
  readonly sealer: Sealer;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly random: () => number;
  readonly profiles: RotationProfiles;
}

/**
 * The authorization code flow as a user's browser goes through it (RFC 6749 section 4.1, RFC 7636 with
 * S256, RFC 9207, RFC 9700 section 2.1): the link shows an invitation; "Continue" binds the browser with a
 * cookie and leads to the authorization server; the callback accepts one answer, from that browser only.
 */
export class BrowserAuthorization {
  constructor(private readonly parts: BrowserAuthorizationParts) {}

  /** What the link is about. Looking changes nothing, so that link previews do no harm. */
  async invitation(ticket: string): Promise<Invitation> {
    const { connection, client, scopes } = await this.opened(ticket);
    return {
      connection: connectionName(connection),
      issuer: client.issuer,
      scopes,
      again: connection.authorizationEpoch > 0,
    };
  }

  /** Begins: where to send the browser, and the value of the cookie that binds it. */
  async begin(ticket: string): Promise<{ redirectTo: string; browserCookie: string }> {
    const { links, flow, requests, sealer, clock } = this.parts;
    const { connection, client, scopes, loginHint } = await this.opened(ticket);
    const state = random256();
    const browserCookie = random256();
    const nonce = random256();
    const codeVerifier = new Secret(random256());
    const stateHash = sha256(state);
    const redirectTo = await flow.authorizationUrl(client, await this.secretOf(client), {
      redirectUri: links.redirectUri,
      scopes,
      state,
      nonce,
      codeVerifier,
      ...(loginHint ? { loginHint } : {}),
    });
    const kept = new Secret(JSON.stringify({ nonce, codeVerifier: codeVerifier.reveal() }));
    await requests.addRequest({
      stateHash,
      connectionUid: connection.uid,
      browserHash: sha256(browserCookie),
      sealed: await sealer.seal(kept, sealingContext.authorizationRequest(stateHash)),
      scopes,
      authorizationEpoch: connection.authorizationEpoch,
      expiresAt: clock.now() + REQUEST_TTL_MS,
    });
    return { redirectTo, browserCookie };
  }

  /**
   * Completes: takes the authorization server's answer and makes the connection `ACTIVE`.
   * @param callbackUrl the redirect URI with the query the browser came back with
   * @throws {BrokerError} with a message for the user; nothing of the connection has changed then
   */
  async complete(callbackUrl: URL, browserCookie: string | undefined): Promise<Connection> {
    const state = callbackUrl.searchParams.get('state') ?? '';
    const taken = await this.parts.requests.takeRequest(sha256(state));
    if (!taken) {
      throw BrokerError.of(
        'INVALID_REQUEST',
        'This answer was used already, or it took too long. Open the link again.',
      );
    }
    const { request, connection } = taken;
    try {
      return await this.completeTaken(request, connection, callbackUrl, state, browserCookie);
    } catch (error) {
      this.parts.events.emit({
        type: 'authorization.refused',
        connection: connectionName(connection),
        error: error instanceof BrokerError ? error.refusal.reason : 'fault',
      });
      throw error;
    }
  }

  private async completeTaken(
    request: AuthorizationRequest,
    connection: Connection,
    callbackUrl: URL,
    state: string,
    browserCookie: string | undefined,
  ): Promise<Connection> {
    if (!browserCookie || !sameHash(sha256(browserCookie), request.browserHash)) {
      throw BrokerError.of(
        'INVALID_REQUEST',
        'This answer belongs to another browser. Open the link again, and finish in the same browser.',
      );
    }
    const client = await this.clientOf(connection);
    const context = sealingContext.authorizationRequest(request.stateHash);
    const kept = JSON.parse((await this.parts.sealer.open(request.sealed, context)).reveal()) as {
      nonce: string;
      codeVerifier: string;
    };
    const requestedAt = this.parts.clock.now();
    const grant = await this.parts.flow.exchangeCode(client, await this.secretOf(client), {
      callbackUrl,
      state,
      ...(request.scopes.includes('openid') ? { nonce: kept.nonce } : {}),
      codeVerifier: new Secret(kept.codeVerifier),
    });
    this.checkSubject(connection, grant);
    const saved = await this.save(connection, request, client, grant, requestedAt);
    this.parts.events.emit({
      type: 'connection.changed',
      connection: connectionName(saved),
      state: saved.state,
      by: 'user',
      what: 'authorized',
    });
    return saved;
  }

  private checkSubject(connection: Connection, grant: CodeGrant): void {
    if (connection.subject === undefined || grant.subject === undefined) return;
    if (connection.subject === grant.subject) return;
    throw BrokerError.of(
      'SUBJECT_MISMATCH',
      'You logged in as somebody else than the user this connection belongs to. Log out there, open the link again, and log in as that user.',
    );
  }

  private async save(
    connection: Connection,
    request: AuthorizationRequest,
    client: OAuthClient,
    grant: CodeGrant,
    requestedAt: number,
  ): Promise<Connection> {
    const { connections, sealer, random, profiles } = this.parts;
    if (grant.refreshToken === undefined) {
      throw BrokerError.of(
        'AUTHORIZATION_SERVER_REFUSED',
        'The authorization server gave no refresh token. Its client has to be allowed offline access, and offline_access has to be among the scopes.',
      );
    }
    const scopes = grant.scopes ?? request.scopes;
    const tokenTtlMs = grant.expiresInMs ?? client.defaultTokenTtlMs;
    const authorizedAt = requestedAt;
    const { rotates } = profiles.of(client.id);
    const lifetimes = lifetimesAfter(grant, requestedAt, client, { authorizedAt }, rotates);
    let current: Connection | undefined = connection;
    for (let tries = 0; current && tries < SAVE_TRIES; tries += 1) {
      if (current.authorizationEpoch !== request.authorizationEpoch) break;
      const generation = current.generation + 1;
      const { uid } = current;
      const access: Omit<AccessToken, 'token'> = {
        variantKey: '',
        tokenType: grant.tokenType,
        scopes,
        resource: '',
        generation,
        requestedAt,
        expiresAt: requestedAt + tokenTtlMs,
      };
      const saved = await connections.completeAuthorization({
        uid,
        fromGeneration: current.generation,
        fromEpoch: current.authorizationEpoch,
        refreshToken: await sealer.seal(grant.refreshToken, sealingContext.refreshToken(uid, generation)),
        accessToken: {
          ...access,
          token: await sealer.seal(grant.accessToken, sealingContext.accessToken(uid, '', generation)),
        },
        scopes,
        ...(grant.subject === undefined ? {} : { subject: grant.subject }),
        tokenTtlMs,
        dueAt: dueAfterRotation(client, uid, requestedAt, tokenTtlMs, random, lifetimes),
        authorizedAt,
        ...lifetimes,
      });
      if (saved) return saved;
      current = await connections.findConnection(current);
    }
    throw BrokerError.of(
      'STATE_CONFLICT',
      'The connection was authorized through another link meanwhile. Nothing was changed by this one.',
    );
  }

  private async opened(ticket: string): Promise<{
    connection: Connection;
    client: OAuthClient;
    scopes: readonly string[];
    loginHint?: string;
  }> {
    const opened = await this.parts.links.open(ticket);
    const connection = await this.parts.connections.findConnection(opened.connection);
    if (!connection || connection.authorizationEpoch !== opened.authorizationEpoch) {
      throw BrokerError.of(
        'INVALID_REQUEST',
        'This link has been used. Ask for a new one if you need to connect again.',
      );
    }
    const client = await this.clientOf(connection);
    const { loginHint } = opened;
    return {
      connection,
      client,
      scopes: opened.scopes ?? client.scopes,
      ...(loginHint === undefined ? {} : { loginHint }),
    };
  }

  private async clientOf(connection: Connection): Promise<OAuthClient> {
    const client = await this.parts.clients.client(connection.clientId);
    if (!client)
      throw BrokerError.of('NOT_FOUND', `clients/${connection.clientId} is not registered any more.`);
    return client;
  }

  private async secretOf(client: OAuthClient): Promise<Secret | undefined> {
    if (client.clientSecret === undefined) return undefined;
    return this.parts.sealer.open(client.clientSecret, sealingContext.clientSecret(client.uid));
  }
}

function random256(): string {
  return randomBytes(32).toString('base64url');
}

function sha256(value: string): string {
  return createHash('sha256').update(value).digest('base64url');
}

function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
