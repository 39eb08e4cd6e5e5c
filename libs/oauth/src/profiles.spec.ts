import type { OAuthClient, ProfileSettings } from '#libs/core';
import { PROFILE_PRESETS } from './profile-presets.js';
import { profileNamed, profileOf, Profiles, rotationProfileOf } from './profiles.js';

const client = (profile: string, profileSettings?: Partial<ProfileSettings>): OAuthClient => ({
  uid: 'c1',
  id: 'c',
  issuer: 'https://as.example',
  clientId: 'app',
  authMethod: 'none',
  scopes: [],
  profile,
  rotateAt: 0.5,
  ratePerSecond: 50,
  maxConcurrent: 16,
  defaultTokenTtlMs: 300_000,
  revision: 1,
  createdAt: 0,
  updatedAt: 0,
  ...(profileSettings ? { profileSettings } : {}),
});

describe('the presets', () => {
  const profiles = new Profiles();

  it('are known by name, in order', () => {
    expect(profiles.presets.map(({ name }) => name)).toEqual([
      'auth0',
      'entra',
      'google',
      'hydra',
      'identityserver',
      'indicium',
      'keycloak',
      'okta',
      'strict',
      'zitadel',
    ]);
  });

  test.each(PROFILE_PRESETS.map((preset) => [preset.name, preset] as const))(
    '%s would pass as an OAuth client’s own settings',
    (_name, { name, ...settings }) => {
      expect(profiles.mistakesIn(settings)).toEqual([]);
      expect(profileNamed(name)).toMatchObject({ name, ...settings });
    },
  );

  it('one that is not known (any more) is the strictest', () => {
    expect(profileNamed('__proto__').name).toBe('strict');
    expect(profileNamed('gone').name).toBe('strict');
  });

  test.each([
    ['strict', 'revokes', 0],
    ['indicium', 'revokes', 0],
    ['identityserver', 'refused', 0],
    ['zitadel', 'refused', 0],
    ['okta', 'revokes', 30_000],
    ['auth0', 'revokes', 0],
    ['hydra', 'revokes', 0],
    ['entra', 'accepted', 0],
    ['google', 'accepted', 0],
  ])('%s: a reuse is %s, with a grace window of %i ms', (name, reuse, graceWindowMs) => {
    expect(rotationProfileOf(client(name))).toEqual({
      probe: 'late',
      reuse,
      rotates: name !== 'google',
      graceWindowMs,
    });
  });
});

describe('an OAuth client’s own settings', () => {
  it('replace those of the preset, one by one', () => {
    const own = profileOf(client('okta', { graceWindowMs: 5_000, probe: 'never' }));
    expect(own).toEqual({ ...profileNamed('okta'), graceWindowMs: 5_000, probe: 'never' });
  });

  it('answer rules come before those of the preset, which stay', () => {
    const rule = { errors: ['invalid_request'], phrases: ['my own'], meaning: 'refused' } as const;
    const { answerRules } = profileOf(client('zitadel', { answerRules: [rule] }));
    expect(answerRules).toEqual([rule, ...profileNamed('zitadel').answerRules]);
  });

  it('refresh tokens that are not rotated may be used again, whatever else is said', () => {
    expect(rotationProfileOf(client('okta', { rotates: false }))).toMatchObject({ reuse: 'accepted' });
  });

  test.each<[string, Partial<ProfileSettings>, RegExp]>([
    ['an odd code', { finalErrors: ['a"b'] }, /final_errors has a value/],
    ['a code in both lists', { finalErrors: ['a', 'b'], refusedErrors: ['b'] }, /both have b/],
    ['a status of a failure', { errorStatuses: [400, 500] }, /error_statuses/],
    ['a status with a meaning of its own', { errorStatuses: [429] }, /error_statuses/],
    [
      'a rule without a condition',
      { answerRules: [{ statuses: [400], meaning: 'final' }] },
      /\[0\] needs a condition/,
    ],
    [
      'a phrase of two letters',
      { answerRules: [{ phrases: ['no'], meaning: 'final' }] },
      /phrases have between/,
    ],
    [
      'a failure that is to be final',
      { answerRules: [{ statuses: [500], errors: ['x'], meaning: 'final' }] },
      /statuses are/,
    ],
    [
      'a 503 that is to be final',
      { answerRules: [{ statuses: [503], errors: ['x'], meaning: 'final' }] },
      /statuses are/,
    ],
    [
      'an empty list of statuses',
      { answerRules: [{ statuses: [], errors: ['x'], meaning: 'final' }] },
      /statuses are/,
    ],
    [
      'a 500 that counts as not processed',
      { notProcessed: [{ status: 500, proofs: ['status'] }] },
      /status 500/,
    ],
    ['no proof', { notProcessed: [{ status: 429, proofs: [] }] }, /no proof/],
    ['a negative grace window', { graceWindowMs: -1 }, /grace_window/],
    ['a grace window of a year', { graceWindowMs: 365 * 86_400_000 }, /grace_window/],
    ['a grace window that is no number', { graceWindowMs: Number.NaN }, /grace_window/],
    [
      'a parameter that the flow sets itself',
      { authorizationParameters: { state: 'x' } },
      /cannot set state/,
    ],
    ['a parameter with an odd name', { authorizationParameters: { 'a b': 'x' } }, /odd name/],
    ['a parameter with a line break', { authorizationParameters: { audience: 'a\nb' } }, /odd value/],
    ['too many of anything', { finalErrors: Array.from({ length: 51 }, (_, i) => `e${i}`) }, /more than 50/],
  ])('%s is a mistake', (_what, settings, says) => {
    expect(new Profiles().mistakesIn(settings).join(' ')).toMatch(says);
  });

  it('all mistakes are told at once', () => {
    const mistakes = new Profiles().mistakesIn({
      graceWindowMs: -1,
      errorStatuses: [200],
      finalErrors: [''],
    });
    expect(mistakes).toHaveLength(3);
    expect(mistakes.every((mistake) => mistake.startsWith('profile_settings.'))).toBe(true);
  });
});
