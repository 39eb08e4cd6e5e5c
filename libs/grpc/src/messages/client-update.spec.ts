import type { OAuthClient, Sealed } from '#libs/core';
import { Client_AuthMethod, Client_Canary, type Client } from '#proto/tokenbroker/v1/client_service';
import { clientUpdate } from './client-update.js';
import { profileSettingsToWire } from './profile.js';

const PRESENT: OAuthClient = {
  uid: 'u',
  id: 'indicium',
  issuer: 'https://as.test/indicium',
  endpoints: { authorizationEndpoint: 'https://as.test/a', tokenEndpoint: 'https://as.test/t' },
  clientId: 'broker',
  authMethod: 'client_secret_basic',
  clientSecret: 'sealed' as Sealed,
  scopes: ['openid'],
  profile: 'indicium',
  rotateAt: 0.6,
  defaultTokenTtlMs: 60_000,
  ratePerSecond: 50,
  maxConcurrent: 16,
  revision: 3,
  createdAt: 0,
  updatedAt: 0,
};
const NO_SETTINGS = profileSettingsToWire({});
const GIVEN: Client = {
  name: 'clients/indicium',
  issuer: 'https://new.test',
  endpoints: undefined,
  clientId: 'new',
  authMethod: Client_AuthMethod.CLIENT_SECRET_POST,
  clientSecret: 'a-new-secret',
  scopes: ['openid', 'offline_access'],
  profile: '',
  rotateAt: 0,
  redirectUri: '',
  defaultTokenTtl: { seconds: 120n, nanos: 0 },
  createTime: undefined,
  updateTime: undefined,
  profileSettings: undefined,
  effectiveProfile: undefined,
  refreshTokenIdleTtl: undefined,
  authorizationTtl: undefined,
  ratePerSecond: 2.5,
  maxConcurrent: 0,
  freeze: undefined,
  canary: Client_Canary.UNSPECIFIED,
};

describe('an update by field mask (AIP-134)', () => {
  test('changes what the mask names and leaves the rest', () => {
    const after = clientUpdate(GIVEN, ['scopes', 'client_secret'])(PRESENT);
    expect(after.scopes).toEqual(['openid', 'offline_access']);
    expect(after.clientSecret?.reveal()).toBe('a-new-secret');
    expect(after).toMatchObject({
      issuer: PRESENT.issuer,
      endpoints: PRESENT.endpoints,
      clientId: 'broker',
      authMethod: 'client_secret_basic',
      profile: 'indicium',
      rotateAt: 0.6,
      defaultTokenTtlMs: 60_000,
    });
  });

  test('of every field; what is empty goes back to its default', () => {
    const mask = [
      'issuer',
      'endpoints',
      'client_id',
      'auth_method',
      'profile',
      'rotate_at',
      'default_token_ttl',
      'rate_per_second',
      'max_concurrent',
    ];
    expect(clientUpdate(GIVEN, mask)(PRESENT)).toEqual({
      issuer: 'https://new.test',
      clientId: 'new',
      authMethod: 'client_secret_post',
      scopes: ['openid'],
      profile: 'strict',
      rotateAt: 0.5,
      defaultTokenTtlMs: 120_000,
      ratePerSecond: 2.5,
      maxConcurrent: 16,
    });
  });

  test.each([
    [['client_secret', 'name', 'redirect_uri']],
    [['*']],
    [['__proto__']],
    [['constructor']],
    [['profile_settings.x']],
  ])('unknown paths are refused by name: %j', (mask) => {
    expect(() => clientUpdate(GIVEN, mask)).toThrow(
      `cannot change ${mask.filter((p) => p !== 'client_secret').join(', ')}.`,
    );
  });

  test('of its own profile settings, all at once or one by one', () => {
    const present = { ...PRESENT, profileSettings: { probe: 'never', graceWindowMs: 5_000 } } as const;
    const profileSettings = { ...NO_SETTINGS, graceWindow: { seconds: 30n, nanos: 0 }, rotates: false };
    const given = { ...GIVEN, profileSettings };
    const change = (...mask: string[]): object | undefined =>
      clientUpdate(given, mask)(present).profileSettings;
    expect(change('profile_settings')).toEqual({ graceWindowMs: 30_000, rotates: false });
    expect(change('profile_settings.grace_window')).toEqual({ probe: 'never', graceWindowMs: 30_000 });
    expect(change('profile_settings.probe')).toEqual({ graceWindowMs: 5_000 });
    expect(change('profile_settings.probe', 'profile_settings.grace_window')).toEqual({
      graceWindowMs: 30_000,
    });
    expect(change('scopes')).toEqual(present.profileSettings);
    expect(clientUpdate(GIVEN, ['profile_settings'])(present)).not.toHaveProperty('profileSettings');
  });

  test('of lifetimes; what is unset or zero goes back to what the server answers', () => {
    const present = { ...PRESENT, refreshTokenIdleTtlMs: 1_000, authorizationTtlMs: 2_000 };
    const mask = ['refresh_token_idle_ttl', 'authorization_ttl'];
    const given = { ...GIVEN, refreshTokenIdleTtl: { seconds: 86_400n, nanos: 0 } };
    const after = clientUpdate(given, mask)(present);
    expect(after.refreshTokenIdleTtlMs).toBe(86_400_000);
    expect(after).not.toHaveProperty('authorizationTtlMs');
    const zero = { ...GIVEN, refreshTokenIdleTtl: { seconds: 0n, nanos: 0 } };
    expect(clientUpdate(zero, mask)(present)).not.toHaveProperty('refreshTokenIdleTtlMs');
    expect(clientUpdate(GIVEN, ['scopes'])(present)).toMatchObject({ authorizationTtlMs: 2_000 });
    const absurd = { ...GIVEN, authorizationTtl: { seconds: 10n ** 10n, nanos: 0 } };
    expect(() => clientUpdate(absurd, mask)).toThrow(/^authorization_ttl/);
  });

  test('an empty mask is refused', () => {
    expect(() => clientUpdate(GIVEN, [])).toThrow(/update_mask is empty/);
  });

  test('an empty secret is refused, and no secret is in the message', () => {
    expect(() => clientUpdate({ ...GIVEN, clientSecret: '' }, ['client_secret'])(PRESENT)).toThrow(
      /set auth_method to NONE/,
    );
  });

  test('a default token life that is absurd is refused', () => {
    const given = { ...GIVEN, defaultTokenTtl: { seconds: -5n, nanos: 0 } };
    expect(() => clientUpdate(given, ['default_token_ttl'])).toThrow(/default_token_ttl/);
  });
});
