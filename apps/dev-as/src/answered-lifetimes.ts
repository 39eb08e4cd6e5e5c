import type { KoaContextWithOIDC, Provider } from './oidc-types.js';

/**
 * Lets token answers say how long the refresh token may be held unused (`refresh_token_expires_in`, as Entra,
 * GitHub and Google have it) and how long the authorization lasts (`authorization_expires_in`,
 * draft-ietf-oauth-refresh-token-expiration-03). A refresh token ends with its authorization.
 */
export function answerLifetimes(provider: Provider, refreshTokenTtlSeconds: number): void {
  provider.use(async (ctx, next) => {
    await next();
    const { oidc } = ctx as unknown as Partial<KoaContextWithOIDC>;
    const body: unknown = ctx.body;
    if (oidc?.route !== 'token' || typeof body !== 'object' || body === null || !('refresh_token' in body)) {
      return;
    }
    const left = oidc.entities.Grant?.remainingTTL;
    ctx.body = {
      ...body,
      refresh_token_expires_in: Math.min(refreshTokenTtlSeconds, left ?? refreshTokenTtlSeconds),
      ...(left === undefined ? {} : { authorization_expires_in: left }),
    };
  });
}
