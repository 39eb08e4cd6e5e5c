import type { OAuthClient, Sealed } from '#libs/core';
import { Client_AuthMethod, Client_Canary, type Client } from '#proto/tokenbroker/v1/client_service';
import { clientUpdate } from './client-update.js';

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

  test.each([[['client_secret', 'name', 'redirect_uri']], [['*']], [['__proto__']], [['constructor']]])(
    'unknown paths are refused by name: %j',
    (mask) => {
      expect(() => clientUpdate(GIVEN, mask)).toThrow(
        `cannot change ${mask.filter((p) => p !== 'client_secret').join(', ')}.`,
      );
    },
  );

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
