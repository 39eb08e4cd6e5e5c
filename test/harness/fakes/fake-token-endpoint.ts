import {
  Secret,
  STRICTEST,
  type Interpretation,
  type OAuthClient,
  type RawAnswer,
  type RotationProfile,
  type SendResult,
  type TokenEndpoint,
  type TokenExchange,
  type TokenRequest,
} from '#libs/core';
import type { FakeAuthorizationServer, ServerStep } from './fake-authorization-server.js';

const INVALID_GRANT: Interpretation = { kind: 'final', code: 'invalid_grant', description: 'scripted' };
const INTERNAL_ERROR: Interpretation = { kind: 'doubtful', code: 'http_500', description: 'scripted' };

/** What each body means, whoever reads it: a replica that comes back reads what the one before was sent. */
const meanings = new Map<string, Interpretation>();

function meaningOfBody(answer: RawAnswer): Interpretation {
  const meaning = meanings.get(answer.body.reveal());
  if (!meaning) throw new Error('an answer from elsewhere');
  return meaning;
}

/** The way to a {@link FakeAuthorizationServer}, with a script for what happens to each request. */
export class FakeTokenEndpoint implements TokenEndpoint {
  /** What was asked for, in order. */
  readonly requests: TokenRequest[] = [];
  /** The secrets that exchanges were prepared with, in order. */
  readonly secrets: Array<Secret | undefined> = [];
  /** Waited for on the way to the server and on the way back: tests reorder what happens with it. */
  pace: (point: 'to the server' | 'from the server') => Promise<void> = () => Promise.resolve();
  /** OAuth clients whose server takes the request in and never answers. */
  readonly hung = new Set<string>();
  /** What an access token is granted with. */
  grants: {
    expiresInMs?: number;
    scopes?: readonly string[];
    refreshTokenExpiresInMs?: number;
    authorizationExpiresInMs?: number;
  } = { expiresInMs: 3_600_000 };
  /** `Retry-After` of refusals. */
  retryAfterMs: number | undefined;
  /** Present: no exchange can be made ready. */
  notReady: { readonly notReady: string; readonly description: string } | undefined;
  /** What the server of all OAuth clients is like. */
  profile: RotationProfile = STRICTEST;
  private readonly steps: ServerStep[] = [];

  constructor(readonly server: FakeAuthorizationServer) {}

  /** Plans the next requests, one after the other; those that are not planned are granted. */
  plan(...steps: ServerStep[]): void {
    this.steps.push(...steps);
  }

  async prepare(
    client: OAuthClient,
    clientSecret: Secret | undefined,
  ): Promise<TokenExchange | { notReady: string; description: string }> {
    this.secrets.push(clientSecret);
    if (this.notReady) return this.notReady;
    return {
      send: (request, limits) =>
        this.hung.has(client.id) ? new Promise(() => undefined) : this.send(request, limits.mayWrite),
    };
  }

  profileOf(): RotationProfile {
    return this.profile;
  }

  interpret(_client: OAuthClient, answer: RawAnswer): Interpretation {
    return meaningOfBody(answer);
  }

  private async send(request: TokenRequest, mayWrite: () => boolean): Promise<SendResult> {
    await this.pace('to the server');
    if (!mayWrite()) return { kind: 'notSent', code: 'too_late', description: 'scripted' };
    const step = this.steps.shift() ?? 'grant';
    if (step === 'not sent') return { kind: 'notSent', code: 'connection_refused', description: 'scripted' };
    this.requests.push(request);
    const meaning = step === 'request lost' ? undefined : this.meaningOf(request, step);
    await this.pace('from the server');
    if (!meaning) return { kind: 'unanswered', code: 'timeout', description: 'scripted' };
    const answer: RawAnswer = {
      status: 200,
      headers: {},
      body: new Secret(`scripted answer ${meanings.size}`),
    };
    meanings.set(answer.body.reveal(), meaning);
    return { kind: 'answered', answer };
  }

  /** Lets the server act; `undefined` where its answer is lost. */
  private meaningOf(request: TokenRequest, step: ServerStep): Interpretation | undefined {
    const { server } = this;
    let next: Secret | undefined;
    if (request.grantType === 'refresh_token') next = server.present(request.refreshToken, step);
    else server.clientCredentialsRequests += 1;
    if (step === 'consumed, answer lost') return undefined;
    if (step === 'consumed, 500') return INTERNAL_ERROR;
    if (step === 'final') return INVALID_GRANT;
    if (step === 'refused') {
      const { retryAfterMs } = this;
      const refused = { kind: 'refused', code: 'too_many_requests', description: 'scripted' } as const;
      return retryAfterMs === undefined ? refused : { ...refused, retryAfterMs };
    }
    if (request.grantType === 'refresh_token' && !next) return INVALID_GRANT;
    const same = step === 'grant, same refresh token';
    return {
      kind: 'granted',
      accessToken: server.accessToken(),
      tokenType: 'Bearer',
      ...this.grants,
      ...(next && !same ? { refreshToken: next } : {}),
    };
  }
}
