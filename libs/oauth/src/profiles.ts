import type { OAuthClient, Profile, ProfileCatalog, ProfileSettings, RotationProfile } from '#libs/core';
import { PROFILE_PRESETS } from './profile-presets.js';
import { mistakesInSettings } from './profile-mistakes.js';

const BY_NAME = new Map(PROFILE_PRESETS.map((preset) => [preset.name, preset]));

/**
 * The profile of this name, with an OAuth client's own settings over it; the strictest where the name is not
 * known (any more). Its own answer rules come before those of the preset, everything else replaces it.
 */
export function profileNamed(name: string, settings: Partial<ProfileSettings> = {}): Profile {
  const preset = BY_NAME.get(name) ?? BY_NAME.get('strict');
  if (!preset) throw new Error('There is no profile "strict".');
  const answerRules = [...(settings.answerRules ?? []), ...preset.answerRules];
  return { ...preset, ...settings, answerRules, name: preset.name };
}

/** The profile of an OAuth client. */
export function profileOf(client: OAuthClient): Profile {
  return profileNamed(client.profile, client.profileSettings);
}

/** What rotations have to know of it beforehand. Tokens that are not rotated may be used again. */
export function rotationProfileOf(client: OAuthClient): RotationProfile {
  const { probe, reuse, rotates, graceWindowMs } = profileOf(client);
  return { probe, reuse: rotates ? reuse : 'accepted', rotates, graceWindowMs };
}

/** The presets, and what OAuth clients may set of their own. */
export class Profiles implements ProfileCatalog {
  readonly presets = PROFILE_PRESETS;

  profileOf(name: string, settings?: Partial<ProfileSettings>): Profile {
    return profileNamed(name, settings);
  }

  mistakesIn(settings: Partial<ProfileSettings>): string[] {
    return mistakesInSettings(settings);
  }
}
