import { createHash } from 'node:crypto';
import type { KoaContextWithOIDC, Provider } from './oidc-types.js';

/**
 * Indicium (IdentityServer) answers `scope` and `session_state` (OpenID Connect Session Management §3)
 * beside the code. Adds them to the redirect back to the client.
 */
export function addIndiciumParameters(provider: Provider): void {
  provider.use(async (ctx, next) => {
    await next();
    const { oidc } = ctx as unknown as Partial<KoaContextWithOIDC>;
    const location = ctx.response.get('Location');
    if (!oidc || !location || !['authorization', 'resume'].includes(oidc.route) || !URL.canParse(location))
      return;
    const url = new URL(location);
    if (!url.searchParams.has('code')) return;
    const scope = oidc.params?.['scope'];
    if (typeof scope === 'string') url.searchParams.set('scope', scope);
    const salt = createHash('sha256')
      .update(oidc.session?.uid ?? '')
      .digest('base64url')
      .slice(0, 16);
    const state = createHash('sha256')
      .update(`${oidc.client?.clientId} ${url.origin} ${salt}`)
      .digest('base64url');
    url.searchParams.set('session_state', `${state}.${salt}`);
    ctx.set('Location', url.href);
  });
}
