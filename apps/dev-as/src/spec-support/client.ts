import { createHash, randomBytes } from 'node:crypto';
import type { ClientRegistration } from '../options.js';
import { connectAs } from '../scripted-user.js';
import type { ScriptedUser } from '../scripted-user.js';
import { startDevAuthorizationServer } from '../server.js';
import type { DevAuthorizationServer } from '../server.js';
import type { DevAuthorizationServerOptions } from '../options.js';

/** Where the specs' clients are sent back to; nobody listens there. */
export const REDIRECT_URI = 'http://127.0.0.1:9/callback';

/** Secrets of the specs' clients: random for each run. */
export const SECRETS = { web: secret(), post: secret(), batch: secret() };

/** The four kinds of clients. */
export const CLIENTS: ClientRegistration[] = [
  {
    client_id: 'indicium-web',
    client_name: 'Invoice Sync',
    client_secret: SECRETS.web,
    redirect_uris: [REDIRECT_URI],
  },
  {
    client_id: 'indicium-post',
    client_secret: SECRETS.post,
    token_endpoint_auth_method: 'client_secret_post',
    redirect_uris: [REDIRECT_URI],
  },
  { client_id: 'indicium-public', token_endpoint_auth_method: 'none', redirect_uris: [REDIRECT_URI] },
  {
    client_id: 'indicium-batch',
    client_secret: SECRETS.batch,
    grant_types: ['client_credentials'],
    linked_user: 'svc-invoice',
  },
];

/** The members of a token response that the specs look at (RFC 6749 §5.1, §5.2). */
export interface TokenAnswer {
  status: number;
  access_token: string;
  refresh_token: string;
  expires_in: number;
  id_token: string;
  scope: string;
  token_type: string;
  error: string;
}

/** Starts a server with the specs' clients. */
export function startForSpec(options: DevAuthorizationServerOptions = {}): Promise<DevAuthorizationServer> {
  return startDevAuthorizationServer({ clients: CLIENTS, ...options });
}

/** Sends the user through an authorization request, and answers the redirect back with its verifier. */
export async function authorize(
  server: DevAuthorizationServer,
  clientId: string,
  user: ScriptedUser,
  params: Record<string, string> = {},
): Promise<{ callback: URL; verifier: string }> {
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(`${server.issuer}/connect/authorize`);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    scope: 'openid offline_access sf/software_development sf/finance',
    state: 'a-state',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...params,
  }).toString();
  const journey = await connectAs(url, { stopAt: REDIRECT_URI, ...user });
  if (!journey.url.startsWith(REDIRECT_URI)) throw new Error(`${journey.trail.join('\n')}\n${journey.body}`);
  return { callback: new URL(journey.url), verifier };
}

/** One request to the token endpoint as this client; not answered by JSON means `error: 'not_json'`. */
export async function tokenRequest(
  server: DevAuthorizationServer,
  clientId: string,
  params: Record<string, string>,
  signal?: AbortSignal,
): Promise<TokenAnswer> {
  const client = CLIENTS.find(({ client_id }) => client_id === clientId);
  const body = new URLSearchParams(params);
  const headers: Record<string, string> = {};
  if (client?.token_endpoint_auth_method === undefined) {
    headers['authorization'] =
      `Basic ${Buffer.from(`${clientId}:${client?.client_secret}`).toString('base64')}`;
  } else {
    body.set('client_id', clientId);
    if (client.client_secret !== undefined) body.set('client_secret', client.client_secret);
  }
  const init = { method: 'POST', headers, body, redirect: 'manual' as const, ...(signal ? { signal } : {}) };
  const response = await fetch(`${server.issuer}/connect/token`, init);
  const text = await response.text();
  const json = text.startsWith('{') ? (JSON.parse(text) as Partial<TokenAnswer>) : { error: 'not_json' };
  return { ...json, status: response.status } as TokenAnswer;
}

/** The whole way to a user's first tokens. */
export async function connect(
  server: DevAuthorizationServer,
  clientId = 'indicium-web',
  login = 'ada',
  params: Record<string, string> = {},
): Promise<TokenAnswer> {
  const { callback, verifier } = await authorize(server, clientId, { login }, params);
  return tokenRequest(server, clientId, {
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    redirect_uri: REDIRECT_URI,
    code_verifier: verifier,
  });
}

/** Spends a refresh token. */
export function refresh(
  server: DevAuthorizationServer,
  refreshToken: string,
  params: Record<string, string> = {},
  clientId = 'indicium-web',
): Promise<TokenAnswer> {
  return tokenRequest(server, clientId, {
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    ...params,
  });
}

/** The claims of a JWT, unverified. */
export function claimsOf(jwt: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
}

function secret(): string {
  return randomBytes(24).toString('base64url');
}
