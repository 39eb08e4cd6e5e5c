import type { OAuthClient } from './oauth-client.js';

const LARGEST_RATE = 10_000;
const SMALLEST_RATE = 0.01;
const MOST_CONCURRENT = 10_000;

type Identity = Pick<OAuthClient, 'issuer' | 'endpoints' | 'clientId' | 'authMethod' | 'clientSecret'>;

/**
 * Whether the authorization server may take it for another OAuth client than before: then one rotation has to
 * prove it before the others follow.
 */
export function isAnotherClient(before: Identity, after: Identity): boolean {
  const identity = ({ issuer, endpoints, clientId, authMethod, clientSecret }: Identity): string =>
    JSON.stringify([
      issuer,
      endpoints && [
        endpoints.authorizationEndpoint,
        endpoints.tokenEndpoint,
        endpoints.revocationEndpoint,
        endpoints.jwksUri,
      ],
      clientId,
      authMethod,
      clientSecret,
    ]);
  return identity(before) !== identity(after);
}

/** What is wrong with a budget; empty where nothing is. */
export function budgetMistakes({
  ratePerSecond,
  maxConcurrent,
}: Pick<OAuthClient, 'ratePerSecond' | 'maxConcurrent'>): string[] {
  const mistakes: string[] = [];
  if (!(ratePerSecond >= SMALLEST_RATE && ratePerSecond <= LARGEST_RATE)) {
    mistakes.push(`rate_per_second is between ${SMALLEST_RATE} and ${LARGEST_RATE}.`);
  }
  if (!Number.isInteger(maxConcurrent) || maxConcurrent < 1 || maxConcurrent > MOST_CONCURRENT) {
    mistakes.push(`max_concurrent is a whole number between 1 and ${MOST_CONCURRENT}.`);
  }
  return mistakes;
}
