import type { Connection, OAuthClient, Profile, Workload } from '#libs/core';

/** An OAuth client `c`: public, rotating at half of a token's life. */
export function sampleClient(fields: Partial<OAuthClient> = {}): OAuthClient {
  return {
    uid: 'client-uid',
    id: 'c',
    issuer: 'https://as.example/indicium',
    clientId: 'broker',
    authMethod: 'none',
    scopes: ['openid', 'offline_access', 'a', 'b'],
    profile: 'strict',
    rotateAt: 0.5,
    defaultTokenTtlMs: 300_000,
    ratePerSecond: 1_000,
    maxConcurrent: 1_000,
    revision: 1,
    createdAt: 0,
    updatedAt: 0,
    ...fields,
  };
}

/** A profile that knows `invalid_grant`, and nothing else. */
export function sampleProfile(name = 'strict'): Profile {
  return {
    name,
    finalErrors: ['invalid_grant'],
    refusedErrors: [],
    answerRules: [],
    errorStatuses: [400],
    notProcessed: [],
    probe: 'late',
    reuse: 'revokes',
    rotates: true,
    graceWindowMs: 0,
    consentForOfflineAccess: true,
    authorizationParameters: {},
  };
}

/** A user's connection `clients/c/connections/u1`, `ACTIVE` and without tokens. */
export function sampleConnection(fields: Partial<Connection> = {}): Connection {
  return {
    uid: 'uid-1',
    clientId: 'c',
    connectionId: 'u1',
    state: 'ACTIVE',
    subjectKind: 'USER',
    grantType: 'refresh_token',
    generation: 1,
    scopes: ['a', 'b'],
    authorizationEpoch: 0,
    failureCount: 0,
    revision: 1,
    createdAt: 0,
    updatedAt: 0,
    ...fields,
  };
}

/** A workload with these roles. */
export function sampleWorkload(id: string, ...roles: Workload['roles']): Workload {
  return { id, identities: [`cn:${id}`], roles, createdAt: 0 };
}
