import type { IncomingMessage, ServerResponse } from 'node:http';
import { createLocalJWKSet, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { bearerToken, sendJson } from './http-messages.js';
import { SIGNING_ALGORITHM } from './server-keys.js';
import type { ServerKeys } from './server-keys.js';

/** A request to the protected resources; answers whether the path was one of them. */
export type ResourceApi = (path: string, req: IncomingMessage, res: ServerResponse) => Promise<boolean>;

/**
 * A small API shaped like Indicium's, for callers to try their access tokens on: `/iam/sf/whoami`,
 * `/iam/sf/tasks`, and the userinfo endpoint (which Indicium serves for the same JWTs). A JWT is good
 * until it expires (RFC 9068 §4): ending a grant does not reach it.
 */
export function createResourceApi(issuer: string, audience: string, keys: ServerKeys): ResourceApi {
  const { d: _private, ...publicKey } = keys.jwk;
  const keySet = createLocalJWKSet({ keys: [{ ...publicKey, kty: 'EC' } as { kty: string }] });
  const verify = async (token: string): Promise<JWTPayload | undefined> => {
    const options = {
      issuer,
      audience,
      algorithms: [SIGNING_ALGORITHM],
      typ: 'at+jwt',
      requiredClaims: ['exp', 'sub'],
    };
    return jwtVerify(token, keySet, options).then(
      ({ payload }) => payload,
      () => undefined,
    );
  };

  return async (path, req, res) => {
    const answer = ANSWERS[path];
    if (!answer) return false;
    const token = bearerToken(req);
    if (token === undefined) {
      // RFC 6750 §3.1: no error code when no authentication information was given.
      sendJson(res, 401, { error: 'unauthorized' }, { 'www-authenticate': `Bearer realm="${issuer}"` });
      return true;
    }
    const claims = await verify(token);
    if (!claims) {
      const challenge = `Bearer realm="${issuer}", error="invalid_token", error_description="expired or not valid here"`;
      sendJson(res, 401, { error: 'invalid_token' }, { 'www-authenticate': challenge });
      return true;
    }
    sendJson(res, 200, answer(claims));
    return true;
  };
}

const ANSWERS: Record<string, (claims: JWTPayload) => unknown> = {
  '/iam/sf/whoami': (claims) => ({
    sub: claims.sub,
    client_id: claims['client_id'],
    scope: claims['scope'] ?? '',
    scopes: scopesOf(claims),
    aud: claims.aud,
    iat: claims.iat,
    exp: claims.exp,
    jti: claims.jti,
  }),
  '/iam/sf/tasks': (claims) => ({
    '@odata.context': '$metadata#tasks',
    value: [1, 2, 3].map((id) => ({ task_id: id, title: `Task ${id}`, owner: claims.sub, done: id === 1 })),
  }),
  '/connect/userinfo': (claims) => ({ sub: claims.sub, name: claims.sub }),
};

function scopesOf(claims: JWTPayload): string[] {
  const scope = claims['scope'];
  return typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [];
}
