import type { LedgerRecord } from './ledger-types.js';

/** How a client proves who it is at the token endpoint (RFC 6749 §2.3; `none` is a public client, §2.1). */
export type TokenEndpointAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'none';

/** The grant types this server knows (RFC 6749 §1.3, §6). */
export type GrantType = 'authorization_code' | 'refresh_token' | 'client_credentials';

/** One registered OAuth client (RFC 7591 §2 names, as far as there are any). */
export interface ClientRegistration {
  client_id: string;
  /** Shown on the consent page; the client id when left out. */
  client_name?: string;
  /** Needed unless `token_endpoint_auth_method` is `none`. Never written to disk. */
  client_secret?: string;
  /** Default `client_secret_basic`. */
  token_endpoint_auth_method?: TokenEndpointAuthMethod;
  /** Default: `authorization_code` and `refresh_token`. */
  grant_types?: GrantType[];
  redirect_uris?: string[];
  /** The user that this client's client credentials tokens act for (the service account). */
  linked_user?: string;
  /** Overrides the server's access token life for this client. */
  access_token_ttl_seconds?: number;
}

/** Certificate and key for TLS, as PEM text. */
export interface TlsOptions {
  cert: string;
  key: string;
}

/** How to start the development authorization server. Everything has a default. */
export interface DevAuthorizationServerOptions {
  /** Address to listen on, default `127.0.0.1`. Beyond loopback only with `tls`. */
  host?: string;
  /** Port, default 0: a free one. */
  port?: number;
  /** Issuer identifier with its path. Default `http(s)://<host>:<port>/indicium`. */
  issuer?: string;
  /** Where state, signing key and ledger live on. Without it everything is forgotten at the end. */
  dataDir?: string;
  /** Life of access tokens, default 3600 s. */
  accessTokenTtlSeconds?: number;
  /** How long a refresh token may be held unused, default 30 days; each exchange brings one that lives as long. */
  refreshTokenTtlSeconds?: number;
  /** How long an authorization lasts, whatever is done with it: default as refresh tokens, 30 days at least. */
  authorizationTtlSeconds?: number;
  /** Whether answers say how long both last, default no. */
  answerLifetimes?: boolean;
  /** Bearer token of the control API. Without it the control API answers 401 to everybody. */
  controlToken?: string;
  clients?: ClientRegistration[];
  /** Users that can log in (password = user name) or be linked to a client. */
  users?: string[];
  /** Application scopes beside `openid` and `offline_access`. */
  scopes?: string[];
  tls?: TlsOptions;
  /** Seed of the faults' random numbers, so that a campaign can be repeated. */
  seed?: number;
  /** Called with each ledger record as it is written. */
  onLedgerRecord?: (record: LedgerRecord) => void;
}

/** Users that exist when none are configured. */
export const DEFAULT_USERS = ['ada', 'grace', 'linus', 'margaret', 'dennis', 'svc-invoice', 'svc-report'];

/** Application scopes, shaped like Thinkwise Indicium's. */
export const DEFAULT_SCOPES = ['sf/software_development', 'sf/finance'];

export const DEFAULT_ACCESS_TOKEN_TTL_SECONDS = 3600;
export const DEFAULT_REFRESH_TOKEN_TTL_SECONDS = 30 * 24 * 3600;
