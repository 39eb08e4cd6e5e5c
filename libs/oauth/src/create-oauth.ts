import { createSecureContext, rootCertificates } from 'node:tls';
import { AllowedIssuers } from './allowed-url.js';
import { HttpCodeFlow } from './code-flow.js';
import { Discovery } from './discovery.js';
import { Profiles } from './profiles.js';
import { HttpTokenEndpoint } from './token-endpoint.js';

/** What the outbound OAuth needs. */
export interface OAuthOptions {
  /** The same clock as core's `Clock.monotonic`, in milliseconds. */
  readonly monotonic: () => number;
  /** The hard deadline of the exchange of a code, in milliseconds. */
  readonly exchangeTimeoutMs: number;
  /** Certificate authorities in PEM to trust beside those that come with Node. */
  readonly ca?: readonly string[];
}

/** Everything that talks OAuth to authorization servers, sharing what was discovered. */
export interface OAuth {
  readonly tokenEndpoint: HttpTokenEndpoint;
  readonly codeFlow: HttpCodeFlow;
  readonly issuerRules: AllowedIssuers;
  readonly profiles: Profiles;
}

/** Makes the outbound OAuth. Nothing is sent before it is used, and there is nothing to close. */
export function createOAuth(options: OAuthOptions): OAuth {
  const { monotonic, exchangeTimeoutMs, ca } = options;
  const trusted = ca && createSecureContext({ ca: [...rootCertificates, ...ca] });
  const discovery = new Discovery(monotonic, trusted);
  return {
    tokenEndpoint: new HttpTokenEndpoint(discovery, trusted),
    codeFlow: new HttpCodeFlow(discovery, exchangeTimeoutMs, trusted),
    issuerRules: new AllowedIssuers(),
    profiles: new Profiles(),
  };
}
