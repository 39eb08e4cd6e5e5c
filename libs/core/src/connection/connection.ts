import type { Sealed } from '../sealer.js';
import type { Secret } from '../secret.js';
import type { ConnectionName } from '../resource-names.js';
import type { ConnectionState } from './state.js';

/** Who a connection's tokens act for. */
export type SubjectKind = 'USER' | 'SERVICE_ACCOUNT';

/** How access tokens are obtained (RFC 6749 sections 6 and 4.4). */
export type GrantType = 'refresh_token' | 'client_credentials';

/** One try at a rotation, committed before anything is sent (promise P2). */
export interface Attempt {
  readonly id: string;
  /** The generation that it spends. */
  readonly generation: number;
  /** The replica that made it. */
  readonly replica: string;
  /** The spool of that replica, which knows what became of it. */
  readonly spoolId?: string;
  /** Which life of that replica's process made it. */
  readonly bootId?: string;
  /** Its number among all attempts of the installation. */
  readonly number?: number;
  /** When it was committed. */
  readonly startedAt: number;
  /** From when on another replica may take it over, once it can also have the row lock. */
  readonly deadlineAt: number;
}

/** Why a connection is in doubt: the attempt whose answer is not in hand. */
export interface Doubt {
  readonly attemptId: string;
  /** The spool that may still have the answer; absent where the answer is known to be gone. */
  readonly spoolId?: string;
  readonly at: number;
}

/** The latest failure, in the authorization server's own words where there are any. */
export interface LastError {
  readonly code: string;
  readonly description: string;
  readonly at: number;
}

/** One durable authorization, held through one OAuth client for one subject. */
export interface Connection extends ConnectionName {
  /** The key of its row; ciphertexts are bound to it. */
  readonly uid: string;
  readonly state: ConnectionState;
  /** Where it stood when it was paused. */
  readonly stateBeforePause?: ConnectionState;
  readonly subjectKind: SubjectKind;
  /** The `sub` at the authorization server, where known. */
  readonly subject?: string;
  readonly grantType: GrantType;
  /** The number of the refresh token within the lineage; grows by one with each rotation. */
  readonly generation: number;
  readonly refreshToken?: Sealed;
  readonly scopes: readonly string[];
  readonly attempt?: Attempt;
  /** Present while it is in doubt. */
  readonly doubt?: Doubt;
  /** Counts completed authorizations; a link to connect is good for one of them. */
  readonly authorizationEpoch: number;
  /** When the next rotation is due. */
  readonly dueAt?: number;
  /** After failures: not to be tried before. */
  readonly notBefore?: number;
  readonly failureCount: number;
  readonly lastError?: LastError;
  /** When the access token of the default variant expires. */
  readonly expiresAt?: number;
  /** The life that the authorization server gave the latest access token, in milliseconds. */
  readonly tokenTtlMs?: number;
  readonly lastRotatedAt?: number;
  /** Counts the changes of the row. */
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When its user last authorized it, where that is known. */
  readonly authorizedAt?: number;
  /** When the refresh token ends by itself, unless it is used before; absent: not known, or never. */
  readonly refreshExpiresAt?: number;
  /** When the authorization ends, whatever is done; absent: not known, or never. */
  readonly authorizationExpiresAt?: number;
}

/** An access token of one variant, as stored. */
export interface StoredAccessToken {
  readonly variantKey: string;
  readonly token: Sealed;
  readonly tokenType: string;
  readonly scopes: readonly string[];
  readonly resource: string;
  /** The generation that was spent for it, plus one: the refresh token that came with it. */
  readonly generation: number;
  /** The moment its request was sent; its life counts from here (promise P5). */
  readonly requestedAt: number;
  readonly expiresAt: number;
}

/** An access token in the clear, in memory. */
export interface AccessToken extends Omit<StoredAccessToken, 'token'> {
  readonly token: Secret;
}
