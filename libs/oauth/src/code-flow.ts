import type { SecureContext } from 'node:tls';
import * as openid from 'openid-client';
import {
  BrokerError,
  messageOf,
  Secret,
  type AuthorizationCodeFlow,
  type CodeGrant,
  type OAuthClient,
} from '#libs/core';
import { refusalOfCode } from './code-flow-refusals.js';
import { configurationFor } from './configuration.js';
import type { Discovery } from './discovery.js';
import { profileOf } from './profiles.js';
import { RecordingFetch } from './recording-fetch.js';
import { tokenResponseOf } from './token-response.js';

/**
 * The authorization code flow through openid-client: PKCE with S256 for every client (RFC 9700 section
 * 2.1.1), `state`, `nonce`, the issuer of the answer (RFC 9207), and the claims of the ID token.
 */
export class HttpCodeFlow implements AuthorizationCodeFlow {
  /** @param exchangeTimeoutMs the hard deadline of the exchange of a code */
  constructor(
    private readonly discovery: Discovery,
    private readonly exchangeTimeoutMs: number,
    private readonly secureContext?: SecureContext,
  ) {}

  async authorizationUrl(
    client: OAuthClient,
    clientSecret: Secret | undefined,
    request: Parameters<AuthorizationCodeFlow['authorizationUrl']>[2],
  ): Promise<string> {
    const configuration = await this.configuration(client, clientSecret);
    const { scopes } = request;
    const { consentForOfflineAccess, authorizationParameters } = profileOf(client);
    const consent = scopes.includes('offline_access') && consentForOfflineAccess;
    const url = openid.buildAuthorizationUrl(configuration, {
      ...authorizationParameters,
      response_type: 'code',
      redirect_uri: request.redirectUri,
      scope: scopes.join(' '),
      state: request.state,
      code_challenge: await openid.calculatePKCECodeChallenge(request.codeVerifier.reveal()),
      code_challenge_method: 'S256',
      ...(scopes.includes('openid') ? { nonce: request.nonce } : {}),
      ...(consent && authorizationParameters['prompt'] === undefined ? { prompt: 'consent' } : {}),
      ...(request.loginHint === undefined ? {} : { login_hint: request.loginHint }),
    });
    return url.href;
  }

  async exchangeCode(
    client: OAuthClient,
    clientSecret: Secret | undefined,
    answer: Parameters<AuthorizationCodeFlow['exchangeCode']>[2],
  ): Promise<CodeGrant> {
    const configuration = await this.configuration(client, clientSecret);
    const transport = new RecordingFetch({
      timeoutMs: this.exchangeTimeoutMs,
      secureContext: this.secureContext,
    });
    configuration[openid.customFetch] = transport.fetch;
    try {
      const tokens = await openid.authorizationCodeGrant(configuration, answer.callbackUrl, {
        expectedState: answer.state,
        pkceCodeVerifier: answer.codeVerifier.reveal(),
        ...(answer.nonce === undefined ? {} : { expectedNonce: answer.nonce }),
      });
      return codeGrantOf(tokens, tokens.claims()?.sub);
    } catch (error) {
      throw refusalOfCode(error, transport.result);
    }
  }

  private async configuration(
    client: OAuthClient,
    clientSecret: Secret | undefined,
  ): Promise<openid.Configuration> {
    try {
      return configurationFor(client, clientSecret, await this.discovery.metadataFor(client));
    } catch (error) {
      throw new BrokerError({
        reason: 'AUTHORIZATION_SERVER_DOWN',
        message: `The authorization server cannot be asked now: ${messageOf(error)} Try again in a few minutes.`,
        retryAfterMs: 5_000,
      });
    }
  }
}

function codeGrantOf(tokens: Readonly<Record<string, unknown>>, subject: string | undefined): CodeGrant {
  const parsed = tokenResponseOf(tokens);
  if (!parsed) throw new Error('openid-client let an answer without an access token pass');
  const { accessToken, refreshToken, ...rest } = parsed;
  return {
    accessToken: new Secret(accessToken),
    ...(refreshToken === undefined ? {} : { refreshToken: new Secret(refreshToken) }),
    ...rest,
    ...(subject === undefined ? {} : { subject }),
  };
}
