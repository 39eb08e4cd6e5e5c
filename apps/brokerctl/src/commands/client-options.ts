import type { Secret } from '#libs/core';
import {
  Client_AuthMethod as AuthMethod,
  Client_Canary as Canary,
  type Client,
} from '#proto/tokenbroker/v1/client_service';
import { toDuration } from '../input/duration.js';
import { readSecret } from '../input/secret-input.js';
import type { Terminal } from '../terminal.js';
import { UsageError } from '../usage-error.js';
import { profileSettingsFrom } from './profile-settings.js';

/** The authentication methods by the names of RFC 8414, as on the command line. */
export const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'none'] as const;

const WIRE_AUTH_METHOD: Readonly<Record<(typeof AUTH_METHODS)[number], AuthMethod>> = {
  client_secret_basic: AuthMethod.CLIENT_SECRET_BASIC,
  client_secret_post: AuthMethod.CLIENT_SECRET_POST,
  none: AuthMethod.NONE,
};

/** What `clients create` and `clients update` take. */
export interface ClientOptions {
  readonly issuer?: string;
  readonly clientId?: string;
  readonly authMethod?: (typeof AUTH_METHODS)[number];
  readonly secretStdin?: boolean;
  readonly secretFile?: string;
  readonly scope?: readonly string[];
  readonly profile?: string;
  readonly rotateAt?: number;
  /** Milliseconds. */
  readonly defaultTokenTtl?: number;
  /** Per second. */
  readonly rate?: number;
  readonly maxConcurrent?: number;
  readonly authorizationEndpoint?: string;
  readonly tokenEndpoint?: string;
  readonly revocationEndpoint?: string;
  readonly jwksUri?: string;
  /** Milliseconds; zero is none. */
  readonly refreshTokenIdleTtl?: number;
  /** Milliseconds; zero is none. */
  readonly authorizationTtl?: number;
  /** `key=value`, each. */
  readonly profileSetting?: readonly string[];
}

/** The client secret, where one is to be read. @throws {UsageError} */
export async function secretOf(terminal: Terminal, options: ClientOptions): Promise<Secret | undefined> {
  if (options.secretFile !== undefined && options.secretStdin) {
    throw new UsageError('--secret-stdin and --secret-file: one of the two.');
  }
  if (options.secretFile === undefined && !options.secretStdin) return undefined;
  return readSecret(terminal, 'client secret', options.secretFile);
}

/** The message that the options make; what is not given stays empty. @throws {UsageError} */
export function clientFromOptions(name: string, options: ClientOptions, secret: Secret | undefined): Client {
  return {
    name,
    issuer: options.issuer ?? '',
    endpoints: hasEndpoints(options) ? endpointsFrom(options) : undefined,
    clientId: options.clientId ?? '',
    authMethod: options.authMethod ? WIRE_AUTH_METHOD[options.authMethod] : AuthMethod.UNSPECIFIED,
    clientSecret: secret?.reveal() ?? '',
    scopes: [...(options.scope ?? [])],
    profile: options.profile ?? '',
    rotateAt: options.rotateAt ?? 0,
    redirectUri: '',
    defaultTokenTtl: options.defaultTokenTtl === undefined ? undefined : toDuration(options.defaultTokenTtl),
    createTime: undefined,
    updateTime: undefined,
    profileSettings: profileSettingsFrom(options.profileSetting).settings,
    effectiveProfile: undefined,
    refreshTokenIdleTtl: lifetime(options.refreshTokenIdleTtl),
    authorizationTtl: lifetime(options.authorizationTtl),
    ratePerSecond: options.rate ?? 0,
    maxConcurrent: options.maxConcurrent ?? 0,
    freeze: undefined,
    canary: Canary.UNSPECIFIED,
  };
}

/** The fields that the options name, for `update_mask`. */
export function maskOf(options: ClientOptions): string[] {
  const given: readonly (readonly [string, boolean])[] = [
    ['issuer', options.issuer !== undefined],
    ['endpoints', hasEndpoints(options)],
    ['client_id', options.clientId !== undefined],
    ['auth_method', options.authMethod !== undefined],
    ['client_secret', options.secretStdin === true || options.secretFile !== undefined],
    ['scopes', options.scope !== undefined],
    ['profile', options.profile !== undefined],
    ['rotate_at', options.rotateAt !== undefined],
    ['rate_per_second', options.rate !== undefined],
    ['max_concurrent', options.maxConcurrent !== undefined],
    ['default_token_ttl', options.defaultTokenTtl !== undefined],
    ['refresh_token_idle_ttl', options.refreshTokenIdleTtl !== undefined],
    ['authorization_ttl', options.authorizationTtl !== undefined],
  ];
  const { named } = profileSettingsFrom(options.profileSetting);
  return [
    ...given.filter(([, is]) => is).map(([path]) => path),
    ...named.map((key) => `profile_settings.${key}`),
  ];
}

/** Unset: what is named in the update mask and unset goes back to what the server answers. */
function lifetime(ms: number | undefined): Client['authorizationTtl'] {
  return ms ? toDuration(ms) : undefined;
}

function hasEndpoints(options: ClientOptions): boolean {
  const { authorizationEndpoint, tokenEndpoint, revocationEndpoint, jwksUri } = options;
  return [authorizationEndpoint, tokenEndpoint, revocationEndpoint, jwksUri].some((url) => url !== undefined);
}

function endpointsFrom(options: ClientOptions): NonNullable<Client['endpoints']> {
  const { authorizationEndpoint, tokenEndpoint, revocationEndpoint = '', jwksUri = '' } = options;
  if (!authorizationEndpoint || !tokenEndpoint) {
    throw new UsageError('Without discovery, --authorization-endpoint and --token-endpoint are both needed.');
  }
  return { authorizationEndpoint, tokenEndpoint, revocationEndpoint, jwksUri };
}
