import type { Ledger } from './ledger.js';
import type { KoaContextWithOIDC, Provider } from './oidc-types.js';

/** Lets the ledger know which refresh tokens are issued and which chains end, as oidc-provider says it. */
export function wireLedger(
  provider: Provider,
  ledger: Ledger,
  currentContext: () => KoaContextWithOIDC | undefined,
): void {
  provider.on('refresh_token.saved', (token) => {
    ledger.issued({
      refreshToken: token.jti,
      clientId: token.clientId ?? '',
      grantId: token.grantId ?? '',
      sub: token.accountId,
      predecessor: currentContext()?.oidc.entities.RotatedRefreshToken?.jti,
      rotations: token.rotations ?? 0,
    });
  });
  provider.on('grant.revoked', (ctx, grantId) => {
    ledger.chainRevoked(grantId, ctx.oidc.route === 'revocation' ? 'revocation_endpoint' : 'reuse');
  });
}
