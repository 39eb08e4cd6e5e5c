import type { ClientRegistry } from './client-registry.js';
import { createAdapter } from './adapter.js';
import { answerLifetimes } from './answered-lifetimes.js';
import { wireLedger } from './ledger-wiring.js';
import type { Ledger } from './ledger.js';
import { loadOidcProvider } from './load-oidc-provider.js';
import { SIGNING_ALGORITHM } from './server-keys.js';
import type { ServerKeys } from './server-keys.js';
import type { StateStore } from './state-store.js';
import { renderErrorPage } from './pages.js';
import { addIndiciumParameters } from './authorization-response.js';
import type { Configuration, Provider } from './oidc-types.js';

/** Everything the authorization server stands on. */
export interface ProviderParts {
  issuer: string;
  clients: ClientRegistry;
  store: StateStore;
  ledger: Ledger;
  keys: ServerKeys;
  users: ReadonlySet<string>;
  scopes: readonly string[];
  refreshTokenTtlSeconds: number;
  authorizationTtlSeconds: number;
  /** Whether answers say how long refresh tokens and authorizations last. */
  answerLifetimes: boolean;
  /** Life of an access token for this client, right now. */
  accessTokenTtlSeconds: (clientId: string | undefined) => number;
}

/** The resources (RFC 8707) that this server issues tokens for; the first is the default. */
export function knownResources(issuer: string): [api: string, reports: string] {
  return [`${issuer}/iam`, `${issuer}/reports`];
}

/** Builds oidc-provider, shaped like Thinkwise Indicium. */
export async function createProvider(parts: ProviderParts): Promise<Provider> {
  const { default: OidcProvider, errors } = await loadOidcProvider();
  const adapter = createAdapter({
    store: parts.store,
    clients: parts.clients,
    onReuse: (model, grantId) => {
      if (grantId !== undefined) {
        parts.store.revokeGrant(grantId);
        parts.ledger.chainRevoked(grantId, 'reuse');
      }
      throw new errors.InvalidGrant(`${model} already used`);
    },
  });
  const provider = new OidcProvider(parts.issuer, {
    ...configuration(parts, (message) => new errors.InvalidTarget(message)),
    adapter,
  });
  // The front handler sets the forwarded headers from the issuer, so that every URL agrees with it.
  provider.proxy = true;
  addIndiciumParameters(provider);
  if (parts.answerLifetimes) answerLifetimes(provider, parts.refreshTokenTtlSeconds);
  wireLedger(provider, parts.ledger, () => OidcProvider.ctx);
  return provider;
}

function configuration(parts: ProviderParts, invalidTarget: (message: string) => Error): Configuration {
  const resources = knownResources(parts.issuer);
  const scope = ['openid', 'offline_access', ...parts.scopes].join(' ');
  const ttl = (client: { clientId: string } | undefined): number =>
    parts.accessTokenTtlSeconds(client?.clientId);
  return {
    jwks: { keys: [parts.keys.jwk] },
    cookies: { keys: [parts.keys.cookieKey] },
    clientDefaults: { id_token_signed_response_alg: SIGNING_ALGORITHM },
    scopes: scope.split(' '),
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    responseTypes: ['code'],
    routes: {
      authorization: '/connect/authorize',
      token: '/connect/token',
      revocation: '/connect/revocation',
      userinfo: '/connect/userinfo',
      jwks: '/.well-known/openid-configuration/jwks',
      end_session: '/connect/endsession',
    },
    pkce: { required: () => true },
    // RFC 9700 §4.14.2: single use, and the whole chain ends when one is used twice (oidc-provider does it).
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') && source.scopes.has('offline_access'),
    expiresWithSession: async () => false,
    clockTolerance: 0,
    ttl: {
      AccessToken: (_ctx, _token, client) => ttl(client),
      ClientCredentials: (_ctx, _token, client) => ttl(client),
      IdToken: 3600,
      AuthorizationCode: 60,
      RefreshToken: parts.refreshTokenTtlSeconds,
      Grant: parts.authorizationTtlSeconds,
      Session: 14 * 24 * 3600,
      Interaction: 3600,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: {
        enabled: true,
        allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId,
      },
      rpInitiatedLogout: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      dPoP: { enabled: false },
      resourceIndicators: {
        enabled: true,
        // No `resource` asked for: a code gets both, so that a refresh can choose; a token gets the API.
        defaultResource: async (ctx, _client, oneOf) => {
          if (oneOf) return oneOf.includes(resources[0]) ? resources[0] : (oneOf[0] ?? resources[0]);
          return ctx.oidc.route === 'token' ? resources[0] : [...resources];
        },
        useGrantedResource: async () => true,
        getResourceServerInfo: async (_ctx, resource) => {
          if (!resources.includes(resource)) throw invalidTarget('unknown resource');
          return {
            scope,
            audience: resource,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: SIGNING_ALGORITHM } },
          };
        },
      },
    },
    formats: {
      customizers: {
        // A client credentials token acts as the user its client is linked to (a service account).
        jwt: async (_ctx, token, jwt) => {
          const linked = parts.clients.get(token.clientId ?? '')?.linked_user;
          if (token.kind === 'ClientCredentials' && linked !== undefined) jwt.payload['sub'] = linked;
        },
      },
    },
    findAccount: async (_ctx, sub) =>
      parts.users.has(sub) ? { accountId: sub, claims: async () => ({ sub, name: sub }) } : undefined,
    interactions: {
      url: async (_ctx, interaction) => `${new URL(parts.issuer).pathname}/interaction/${interaction.uid}`,
    },
    clientBasedCORS: () => false,
    renderError: async (ctx, out) => {
      ctx.type = 'html';
      ctx.body = renderErrorPage(out.error, out.error_description);
    },
  };
}
