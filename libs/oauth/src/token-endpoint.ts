import type { SecureContext } from 'node:tls';
import * as openid from 'openid-client';
import {
  messageOf,
  type Interpretation,
  type OAuthClient,
  type RawAnswer,
  type RotationProfile,
  type Secret,
  type SendResult,
  type TokenEndpoint,
  type TokenExchange,
  type TokenRequest,
} from '#libs/core';
import { classifyAnswer } from './classify-answer.js';
import { configurationFor } from './configuration.js';
import type { Discovery } from './discovery.js';
import { profileOf, rotationProfileOf } from './profiles.js';
import { RecordingFetch } from './recording-fetch.js';

/** Token endpoints over HTTP: openid-client makes the request, the transport and the judgement are ours. */
export class HttpTokenEndpoint implements TokenEndpoint {
  constructor(
    private readonly discovery: Discovery,
    private readonly secureContext?: SecureContext,
  ) {}

  async prepare(
    client: OAuthClient,
    clientSecret: Secret | undefined,
  ): Promise<TokenExchange | { notReady: string; description: string }> {
    let metadata: openid.ServerMetadata;
    try {
      metadata = await this.discovery.metadataFor(client);
    } catch (error) {
      return { notReady: 'discovery_failed', description: messageOf(error) };
    }
    try {
      const configuration = configurationFor(client, clientSecret, metadata);
      return new Exchange(configuration, this.secureContext);
    } catch (error) {
      return { notReady: 'client_unusable', description: messageOf(error) };
    }
  }

  interpret(client: OAuthClient, answer: RawAnswer): Interpretation {
    return classifyAnswer(answer, profileOf(client));
  }

  profileOf(client: OAuthClient): RotationProfile {
    return rotationProfileOf(client);
  }
}

class Exchange implements TokenExchange {
  constructor(
    private readonly configuration: openid.Configuration,
    private readonly secureContext: SecureContext | undefined,
  ) {}

  async send(
    request: TokenRequest,
    limits: { readonly mayWrite: () => boolean; readonly timeoutMs: number },
  ): Promise<SendResult> {
    const transport = new RecordingFetch({
      timeoutMs: limits.timeoutMs,
      mayWrite: limits.mayWrite,
      secureContext: this.secureContext,
    });
    this.configuration[openid.customFetch] = transport.fetch;
    try {
      await grant(this.configuration, request);
    } catch {
      // What openid-client thinks of the answer cannot undo it (promise P3); interpret() judges it.
    }
    return (
      transport.result ?? {
        kind: 'notSent',
        code: 'request_not_made',
        description: 'No request could be made.',
      }
    );
  }
}

async function grant(configuration: openid.Configuration, request: TokenRequest): Promise<void> {
  const parameters: Record<string, string> = {
    ...(request.scopes.length > 0 ? { scope: request.scopes.join(' ') } : {}),
    ...(request.resource === '' ? {} : { resource: request.resource }),
  };
  if (request.grantType === 'client_credentials') {
    await openid.clientCredentialsGrant(configuration, parameters);
  } else {
    await openid.refreshTokenGrant(configuration, request.refreshToken.reveal(), parameters);
  }
}
