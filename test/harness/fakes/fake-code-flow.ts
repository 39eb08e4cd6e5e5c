import { type Secret, type AuthorizationCodeFlow, type CodeGrant, type OAuthClient } from '#libs/core';
import type { FakeAuthorizationServer } from './fake-authorization-server.js';

type UrlRequest = Parameters<AuthorizationCodeFlow['authorizationUrl']>[2];
type CodeAnswer = Parameters<AuthorizationCodeFlow['exchangeCode']>[2];

/** The authorization code flow with a server that grants everything, unless told otherwise. */
export class FakeCodeFlow implements AuthorizationCodeFlow {
  readonly asked: UrlRequest[] = [];
  readonly answers: CodeAnswer[] = [];
  readonly secrets: Array<Secret | undefined> = [];
  /** What the next grants have in them, or lack. */
  grants: {
    subject?: string;
    scopes?: readonly string[];
    refreshToken?: false;
    expiresInMs?: number;
    refreshTokenExpiresInMs?: number;
    authorizationExpiresInMs?: number;
  } = {};
  /** Present: the next exchange throws it. */
  failure: Error | undefined;

  constructor(private readonly server: FakeAuthorizationServer) {}

  async authorizationUrl(
    _client: OAuthClient,
    secret: Secret | undefined,
    request: UrlRequest,
  ): Promise<string> {
    this.secrets.push(secret);
    this.asked.push(request);
    return `https://as.example/authorize?state=${request.state}`;
  }

  async exchangeCode(
    _client: OAuthClient,
    secret: Secret | undefined,
    answer: CodeAnswer,
  ): Promise<CodeGrant> {
    this.secrets.push(secret);
    this.answers.push(answer);
    if (this.failure) throw this.failure;
    const { refreshToken, ...rest } = this.grants;
    return {
      accessToken: this.server.accessToken(),
      tokenType: 'Bearer',
      ...(refreshToken === false ? {} : { refreshToken: this.server.begin() }),
      ...rest,
    };
  }
}
