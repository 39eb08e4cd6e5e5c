import {
  BrokerError,
  clientName,
  Secret,
  type Canary,
  type ClientAuthMethod,
  type ClientFields,
  type Endpoints,
  type Freeze,
  type OAuthClient,
  type Profile,
} from '#libs/core';
import type { Duration } from '#proto/google/protobuf/duration';
import {
  Client_AuthMethod as WireAuthMethod,
  Client_Canary as WireCanary,
  type Client as WireClient,
  type Client_Endpoints as WireEndpoints,
  type Client_Freeze as WireFreeze,
} from '#proto/tokenbroker/v1/client_service';
import { profileSettingsFromWire, profileSettingsToWire, profileToWire } from './profile.js';
import { checkedMillis, durationFromMillis, optionalDuration, timestampFromMillis } from './time.js';

const DEFAULT_PROFILE = 'strict';
const DEFAULT_ROTATE_AT = 0.5;
const DEFAULT_TOKEN_TTL_MS = 5 * 60_000;
const DEFAULT_RATE_PER_SECOND = 50;
const DEFAULT_MAX_CONCURRENT = 16;
const LONGEST_TOKEN_TTL_MS = 30 * 24 * 3_600_000;
/** Ten years. */
const LONGEST_LIFETIME_MS = 3_653 * 24 * 3_600_000;

const WIRE_AUTH_METHOD: Readonly<Record<ClientAuthMethod, WireAuthMethod>> = {
  client_secret_basic: WireAuthMethod.CLIENT_SECRET_BASIC,
  client_secret_post: WireAuthMethod.CLIENT_SECRET_POST,
  none: WireAuthMethod.NONE,
};

const WIRE_CANARY: Readonly<Record<Canary, WireCanary>> = {
  changed: WireCanary.CHANGED,
  thawed: WireCanary.THAWED,
};

/** What it has to prove. */
export function canaryToWire(canary: Canary | undefined): WireCanary {
  return canary ? WIRE_CANARY[canary] : WireCanary.UNSPECIFIED;
}

/** That it is frozen. */
export function freezeToWire(freeze: Freeze | undefined): WireFreeze | undefined {
  return freeze && { reason: freeze.reason, by: freeze.by, time: timestampFromMillis(freeze.at) };
}

/** An OAuth client as callers see it: never with its secret. */
export function clientToWire(
  client: OAuthClient,
  redirectUri: string,
  effectiveProfile: Profile,
): WireClient {
  const { endpoints } = client;
  return {
    name: clientName(client.id),
    issuer: client.issuer,
    endpoints: endpoints && {
      authorizationEndpoint: endpoints.authorizationEndpoint,
      tokenEndpoint: endpoints.tokenEndpoint,
      revocationEndpoint: endpoints.revocationEndpoint ?? '',
      jwksUri: endpoints.jwksUri ?? '',
    },
    clientId: client.clientId,
    authMethod: WIRE_AUTH_METHOD[client.authMethod],
    clientSecret: '',
    scopes: [...client.scopes],
    profile: client.profile,
    rotateAt: client.rotateAt,
    redirectUri,
    defaultTokenTtl: durationFromMillis(client.defaultTokenTtlMs),
    createTime: timestampFromMillis(client.createdAt),
    updateTime: timestampFromMillis(client.updatedAt),
    profileSettings: client.profileSettings && profileSettingsToWire(client.profileSettings),
    refreshTokenIdleTtl: optionalDuration(client.refreshTokenIdleTtlMs),
    authorizationTtl: optionalDuration(client.authorizationTtlMs),
    effectiveProfile: profileToWire(effectiveProfile),
    ratePerSecond: client.ratePerSecond,
    maxConcurrent: client.maxConcurrent,
    freeze: freezeToWire(client.freeze),
    canary: canaryToWire(client.canary),
  };
}

/** The fields of a new OAuth client, with the defaults that the contract names. */
export function clientFieldsFromWire(client: WireClient): ClientFields {
  const endpoints = endpointsFromWire(client.endpoints);
  const authMethod = authMethodFromWire(client.authMethod);
  return {
    issuer: client.issuer,
    ...(endpoints ? { endpoints } : {}),
    clientId: client.clientId,
    ...(authMethod ? { authMethod } : {}),
    ...(client.clientSecret ? { clientSecret: new Secret(client.clientSecret) } : {}),
    scopes: client.scopes,
    profile: client.profile || DEFAULT_PROFILE,
    rotateAt: client.rotateAt || DEFAULT_ROTATE_AT,
    defaultTokenTtlMs: client.defaultTokenTtl
      ? checkedMillis(client.defaultTokenTtl, 'default_token_ttl', LONGEST_TOKEN_TTL_MS)
      : DEFAULT_TOKEN_TTL_MS,
    ...(client.profileSettings ? { profileSettings: profileSettingsFromWire(client.profileSettings) } : {}),
    ...(client.refreshTokenIdleTtl
      ? { refreshTokenIdleTtlMs: lifetime(client.refreshTokenIdleTtl, 'refresh_token_idle_ttl') }
      : {}),
    ...(client.authorizationTtl
      ? { authorizationTtlMs: lifetime(client.authorizationTtl, 'authorization_ttl') }
      : {}),
    ratePerSecond: client.ratePerSecond || DEFAULT_RATE_PER_SECOND,
    maxConcurrent: client.maxConcurrent || DEFAULT_MAX_CONCURRENT,
  };
}

function lifetime(duration: Duration, field: string): number {
  return checkedMillis(duration, field, LONGEST_LIFETIME_MS);
}

/** @throws {BrokerError} `INVALID_REQUEST` for a number that is no method */
function authMethodFromWire(method: WireAuthMethod): ClientAuthMethod | undefined {
  switch (method) {
    case WireAuthMethod.UNSPECIFIED:
      return undefined;
    case WireAuthMethod.CLIENT_SECRET_BASIC:
      return 'client_secret_basic';
    case WireAuthMethod.CLIENT_SECRET_POST:
      return 'client_secret_post';
    case WireAuthMethod.NONE:
      return 'none';
    default:
      throw BrokerError.of(
        'INVALID_REQUEST',
        'auth_method is CLIENT_SECRET_BASIC, CLIENT_SECRET_POST or NONE.',
      );
  }
}

function endpointsFromWire(endpoints: WireEndpoints | undefined): Endpoints | undefined {
  if (endpoints === undefined) return undefined;
  const { authorizationEndpoint, tokenEndpoint, revocationEndpoint, jwksUri } = endpoints;
  return {
    authorizationEndpoint,
    tokenEndpoint,
    ...(revocationEndpoint ? { revocationEndpoint } : {}),
    ...(jwksUri ? { jwksUri } : {}),
  };
}
