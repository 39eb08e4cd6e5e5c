import type { Sealed } from '../sealer.js';
import type { ProfileSettings } from './profile.js';

/** How the broker authenticates at the token endpoint, by the names of RFC 8414 and OpenID Connect. */
export type ClientAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'none';

/** The endpoints of an authorization server without discovery. */
export interface Endpoints {
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint?: string;
  readonly jwksUri?: string;
}

/**
 * Why an OAuth client has to prove itself with one rotation at a time before the others follow: its secret,
 * its endpoints or its identity changed (or it is new), or it was thawed.
 */
export type Canary = 'changed' | 'thawed';

/** That nothing is claimed for an OAuth client: its tokens are kept, and what is held is served. */
export interface Freeze {
  readonly reason: string;
  /** An operator (`workloads/…`), or the replica whose storm brake it was (`replicas/…`). */
  readonly by: string;
  readonly at: number;
}

/** One registration at an authorization server. */
export interface OAuthClient {
  /** The key of its row; its sealed secret is bound to it. */
  readonly uid: string;
  /** The last segment of its name: `clients/{id}`. */
  readonly id: string;
  /** The issuer identifier, with its path, exactly as the server writes it. */
  readonly issuer: string;
  /** Absent: found by discovery. */
  readonly endpoints?: Endpoints;
  /** RFC 6749 section 2.2. */
  readonly clientId: string;
  readonly authMethod: ClientAuthMethod;
  readonly clientSecret?: Sealed;
  readonly scopes: readonly string[];
  readonly profile: string;
  /** The share of an access token's life after which it is rotated. */
  readonly rotateAt: number;
  /** The life to assume where an answer has no `expires_in`, in milliseconds. */
  readonly defaultTokenTtlMs: number;
  /** Rotations begun per second at the most on the average, over all replicas. */
  readonly ratePerSecond: number;
  /** Rotations under way at the most, over all replicas. */
  readonly maxConcurrent: number;
  /** Present while it is frozen. */
  readonly freeze?: Freeze;
  /** Present until it has proved itself. */
  readonly canary?: Canary;
  /** Counts its changes: whoever keeps something made from it compares this. */
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Its own settings, over those that its profile has. */
  readonly profileSettings?: Partial<ProfileSettings>;
  /** How long a refresh token may be held without being used, in milliseconds; absent: as the server answers. */
  readonly refreshTokenIdleTtlMs?: number;
  /** How long an authorization lasts, in milliseconds from when its user gave it; absent: as the server answers. */
  readonly authorizationTtlMs?: number;
}
