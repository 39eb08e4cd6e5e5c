import { BrokerError, type ClientFields, type OAuthClient, type ProfileSettings } from '#libs/core';
import type { Client as WireClient } from '#proto/tokenbroker/v1/client_service';
import { clientFieldsFromWire } from './client.js';
import { SETTING_OF_PATH } from './profile.js';

type Mutable = { -readonly [K in keyof ClientFields]: ClientFields[K] };

/** How each path of the update mask takes its field over; what is missing here cannot be changed. */
const APPLY: Readonly<Record<string, (to: Mutable, from: ClientFields) => void>> = {
  issuer: (to, from) => void (to.issuer = from.issuer),
  endpoints: (to, from) => {
    delete to.endpoints; // given but empty: back to discovery
    if (from.endpoints) to.endpoints = from.endpoints;
  },
  client_id: (to, from) => void (to.clientId = from.clientId),
  auth_method: (to, from) => {
    delete to.authMethod; // unset: chosen by whether there is a secret
    if (from.authMethod) to.authMethod = from.authMethod;
  },
  client_secret: (to, from) => {
    if (!from.clientSecret) {
      throw BrokerError.of(
        'INVALID_REQUEST',
        'client_secret is in update_mask, but empty. To do without a secret, set auth_method to NONE.',
      );
    }
    to.clientSecret = from.clientSecret;
  },
  scopes: (to, from) => void (to.scopes = from.scopes),
  profile: (to, from) => void (to.profile = from.profile),
  rotate_at: (to, from) => void (to.rotateAt = from.rotateAt),
  rate_per_second: (to, from) => void (to.ratePerSecond = from.ratePerSecond),
  max_concurrent: (to, from) => void (to.maxConcurrent = from.maxConcurrent),
  default_token_ttl: (to, from) => void (to.defaultTokenTtlMs = from.defaultTokenTtlMs),
  refresh_token_idle_ttl: (to, from) => {
    delete to.refreshTokenIdleTtlMs; // unset: as the server answers
    if (from.refreshTokenIdleTtlMs) to.refreshTokenIdleTtlMs = from.refreshTokenIdleTtlMs;
  },
  authorization_ttl: (to, from) => {
    delete to.authorizationTtlMs; // unset: as the server answers
    if (from.authorizationTtlMs) to.authorizationTtlMs = from.authorizationTtlMs;
  },
  profile_settings: (to, from) => {
    delete to.profileSettings; // unset: all of them are the profile's
    if (from.profileSettings) to.profileSettings = from.profileSettings;
  },
  ...Object.fromEntries(
    Object.entries(SETTING_OF_PATH).map(([path, setting]) => [
      `profile_settings.${path}`,
      (to: Mutable, from: ClientFields) => void (to.profileSettings = oneSetting(to, from, setting)),
    ]),
  ),
};

const CHANGEABLE = Object.keys(APPLY)
  .filter((path) => !path.includes('.'))
  .join(', ');

/** One setting is taken over, or goes back to the profile's; the others stay. */
function oneSetting(
  { profileSettings: present = {} }: ClientFields,
  { profileSettings: given = {} }: ClientFields,
  setting: keyof ProfileSettings,
): Partial<ProfileSettings> {
  const { [setting]: _before, ...others } = present;
  return given[setting] === undefined ? others : { ...others, [setting]: given[setting] };
}

/**
 * Makes the change that an update asks for (AIP-134): the fields in the mask are taken over, the others
 * stay.
 * @throws {BrokerError} `INVALID_REQUEST` where the mask is empty, or has paths that cannot be changed
 */
export function clientUpdate(
  given: WireClient,
  updateMask: readonly string[],
): (present: OAuthClient) => ClientFields {
  const unknown = updateMask.filter((path) => !Object.hasOwn(APPLY, path));
  if (updateMask.length === 0 || unknown.length > 0) {
    const wrong = unknown.length > 0 ? `cannot change ${clip(unknown.join(', '))}` : 'is empty';
    throw BrokerError.of(
      'INVALID_REQUEST',
      `update_mask ${wrong}. The fields that can be changed: ${CHANGEABLE}.`,
    );
  }
  const from = clientFieldsFromWire(given);
  return (present) => {
    const fields: Mutable = {
      issuer: present.issuer,
      ...(present.endpoints ? { endpoints: present.endpoints } : {}),
      clientId: present.clientId,
      authMethod: present.authMethod,
      scopes: present.scopes,
      profile: present.profile,
      rotateAt: present.rotateAt,
      defaultTokenTtlMs: present.defaultTokenTtlMs,
      ...(present.profileSettings ? { profileSettings: present.profileSettings } : {}),
      ...(present.refreshTokenIdleTtlMs ? { refreshTokenIdleTtlMs: present.refreshTokenIdleTtlMs } : {}),
      ...(present.authorizationTtlMs ? { authorizationTtlMs: present.authorizationTtlMs } : {}),
      ratePerSecond: present.ratePerSecond,
      maxConcurrent: present.maxConcurrent,
    };
    for (const path of updateMask) APPLY[path]?.(fields, from);
    return fields;
  };
}

function clip(text: string): string {
  return text.length > 200 ? `${text.slice(0, 197)}...` : text;
}
