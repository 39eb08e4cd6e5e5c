import * as openid from 'openid-client';
import type { OAuthClient, Secret } from '#libs/core';

/** The signature algorithms of ID tokens to accept where discovery does not say which are used. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'RS384', 'PS384', 'ES384', 'RS512', 'PS512', 'ES512'];

/** openid-client's view of an OAuth client whose server's metadata is known. */
export function configurationFor(
  client: OAuthClient,
  clientSecret: Secret | undefined,
  metadata: openid.ServerMetadata,
): openid.Configuration {
  const configuration = new openid.Configuration(
    // Whatever the ID token is signed with: it comes straight from the token endpoint (OpenID Connect Core
    // section 3.1.3.7, item 6), and the algorithm is not among what administrators register.
    { id_token_signing_alg_values_supported: ALGORITHMS, ...metadata },
    client.clientId,
    {},
    authenticationOf(client, clientSecret),
  );
  // Time is kept by the transport, and so is the rule that plain http stays within this machine.
  configuration.timeout = 0;
  // oxlint-disable-next-line typescript/no-deprecated -- marked so to stand out; the transport refuses http
  openid.allowInsecureRequests(configuration);
  return configuration;
}

/** RFC 6749 section 2.3.1, and section 2.1 for public clients. */
function authenticationOf(client: OAuthClient, clientSecret: Secret | undefined): openid.ClientAuth {
  switch (client.authMethod) {
    case 'none':
      return openid.None();
    case 'client_secret_basic':
      return openid.ClientSecretBasic(needed(clientSecret));
    case 'client_secret_post':
      return openid.ClientSecretPost(needed(clientSecret));
  }
}

function needed(clientSecret: Secret | undefined): string {
  if (clientSecret === undefined) {
    throw new Error(
      'The OAuth client has no client secret. Set one, or make it a public client (auth_method none).',
    );
  }
  return clientSecret.reveal();
}
