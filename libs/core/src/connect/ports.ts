import type { Connection, GrantType, StoredAccessToken, SubjectKind } from '../connection/connection.js';
import type { ConnectionEvent, ConnectionState } from '../connection/state.js';
import type { OAuthClient } from '../oauth-client/oauth-client.js';
import type { ConnectionName } from '../resource-names.js';
import type { Sealed } from '../sealer.js';
import type { Secret } from '../secret.js';

/** A connection that is about to exist. */
export interface NewConnection extends ConnectionName {
  readonly uid: string;
  readonly state: ConnectionState;
  readonly subjectKind: SubjectKind;
  readonly subject?: string;
  readonly grantType: GrantType;
  readonly generation: number;
  readonly refreshToken?: Sealed;
  readonly scopes: readonly string[];
  /** Due at once where `true`. */
  readonly due: boolean;
  readonly authorizedAt?: number;
  readonly authorizationExpiresAt?: number;
}

/** A page of connections. */
export interface ConnectionPage {
  readonly connections: readonly Connection[];
  readonly nextPageToken: string;
}

/** What to list. */
export interface ConnectionQuery {
  /** Absent: of all OAuth clients. */
  readonly clientId?: string;
  readonly state?: ConnectionState;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Which connections need their user, and when. */
export interface ReauthorizationQuery {
  /** Absent: of all OAuth clients. */
  readonly clientId?: string;
  /** Those that need their user within this time, in milliseconds from now, and those that need them already. */
  readonly withinMs: number;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** What a completed authorization changes; it takes effect only at this generation and epoch. */
export interface CompletedAuthorization {
  readonly uid: string;
  readonly fromGeneration: number;
  readonly fromEpoch: number;
  readonly refreshToken: Sealed;
  readonly accessToken: StoredAccessToken;
  readonly scopes: readonly string[];
  readonly subject?: string;
  readonly tokenTtlMs: number;
  readonly dueAt: number;
  readonly authorizedAt: number;
  readonly refreshExpiresAt?: number;
  readonly authorizationExpiresAt?: number;
}

/** The administration of connections. Every method throws `StoreUnavailableError` where the database is away. */
export interface ConnectionStore {
  /** @throws {BrokerError} `ALREADY_EXISTS` */
  create(connection: NewConnection): Promise<Connection>;
  findConnection(name: ConnectionName): Promise<Connection | undefined>;
  list(query: ConnectionQuery): Promise<ConnectionPage>;
  /** By `reauthorizeAt`, soonest first. */
  listReauthorizations(query: ReauthorizationQuery): Promise<ConnectionPage>;
  /** Applies an event of the transition table; `undefined` where the connection's state refuses it. */
  transition(uid: string, event: ConnectionEvent): Promise<Connection | undefined>;
  /** Saves new tokens; `undefined` where the row has moved on meanwhile. */
  completeAuthorization(done: CompletedAuthorization): Promise<Connection | undefined>;
}

/** An authorization that a browser has begun and not finished. */
export interface AuthorizationRequest {
  /** SHA-256 of the `state`; the `state` itself is never stored. */
  readonly stateHash: string;
  readonly connectionUid: string;
  /** SHA-256 of the cookie of the browser that began it. */
  readonly browserHash: string;
  /** The code verifier and the nonce. */
  readonly sealed: Sealed;
  readonly scopes: readonly string[];
  readonly authorizationEpoch: number;
  readonly expiresAt: number;
}

/** Begun authorizations. Every method throws `StoreUnavailableError` where the database is away. */
export interface AuthorizationRequestStore {
  addRequest(request: AuthorizationRequest): Promise<void>;
  /** Takes it out, once: a second call with the same hash finds nothing. Expired ones are not found. */
  takeRequest(
    stateHash: string,
  ): Promise<{ request: AuthorizationRequest; connection: Connection } | undefined>;
}

/** What the authorization server granted for a code. */
export interface CodeGrant {
  readonly accessToken: Secret;
  readonly tokenType: string;
  readonly expiresInMs?: number;
  readonly refreshToken?: Secret;
  readonly scopes?: readonly string[];
  readonly refreshTokenExpiresInMs?: number;
  readonly authorizationExpiresInMs?: number;
  /** The `sub` of the validated ID token. */
  readonly subject?: string;
}

/** The authorization endpoint, and the token endpoint as far as codes are concerned. */
export interface AuthorizationCodeFlow {
  /**
   * The URL to send the browser to (RFC 6749 section 4.1.1, RFC 7636).
   * @throws {BrokerError} `AUTHORIZATION_SERVER_DOWN` where discovery fails
   */
  authorizationUrl(
    client: OAuthClient,
    clientSecret: Secret | undefined,
    request: {
      readonly redirectUri: string;
      readonly scopes: readonly string[];
      readonly state: string;
      readonly nonce: string;
      readonly codeVerifier: Secret;
      readonly loginHint?: string;
    },
  ): Promise<string>;
  /**
   * Checks the answer of the authorization endpoint (`state`, `iss`: RFC 9207) and exchanges the code.
   * @throws {BrokerError} `AUTHORIZATION_SERVER_REFUSED` with the server's own words; `AUTHORIZATION_SERVER_DOWN`
   */
  exchangeCode(
    client: OAuthClient,
    clientSecret: Secret | undefined,
    answer: {
      /** The redirect URI with the query that the browser came back with. */
      readonly callbackUrl: URL;
      readonly state: string;
      /** Absent where no ID token was asked for. */
      readonly nonce?: string;
      readonly codeVerifier: Secret;
    },
  ): Promise<CodeGrant>;
}
