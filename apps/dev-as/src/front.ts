import type { IncomingMessage, ServerResponse } from 'node:http';
import { handleControl } from './control-api.js';
import type { ControlApiParts } from './control-api.js';
import { exchange, TOKEN_PATH } from './faulty-exchange.js';
import { sendJson } from './http-messages.js';
import { handleInteraction } from './interactions.js';
import type { ClientRegistry } from './client-registry.js';
import type { Provider } from './oidc-types.js';
import type { ResourceApi } from './resource-api.js';
import type { Handler } from './captured-exchange.js';

/** What stands behind the front. */
export interface FrontParts extends ControlApiParts {
  issuer: string;
  provider: Provider;
  clients: ClientRegistry;
  users: ReadonlySet<string>;
  resourceApi: ResourceApi;
}

/** The one HTTP handler of the server: control API, then faults and ledger, then who serves the path. */
export function createFront(parts: FrontParts): Handler {
  const issuer = new URL(parts.issuer);
  const basePath = issuer.pathname.replace(/\/$/, '');
  const callback = parts.provider.callback();

  const serve: Handler = async (req, res) => {
    const url = new URL(req.url ?? '/', issuer);
    const path = url.pathname.slice(basePath.length);
    pretendIssuerHost(req, issuer);
    if (path.startsWith('/interaction/')) return handleInteraction(parts, req, res);
    if (await parts.resourceApi(path, req, res)) return;
    if (path === '/connect/authorize') askForConsent(url);
    // oidc-provider works out its mount path from the two URLs (as express sets them).
    req.url = path + url.search;
    Object.assign(req, { originalUrl: basePath + req.url });
    await callback(req, res);
  };

  return async (req, res) => {
    const { pathname } = new URL(req.url ?? '/', issuer);
    if (!pathname.startsWith(`${basePath}/`)) {
      sendJson(res, 404, { error: 'not_found' });
      return;
    }
    const path = pathname.slice(basePath.length);
    if (path.startsWith('/dev/')) return handleControl(parts, path, req, res);
    if (parts.faults.isDown()) {
      req.socket.destroy();
      return;
    }
    if (path === TOKEN_PATH || parts.faults.watches(path)) {
      const { faults, control } = parts;
      return exchange({ faults, ledger: control.ledger, handler: serve }, path, req, res);
    }
    await serve(req, res);
  };
}

/** Every URL this server writes begins with its issuer, whatever name or proxy the request came by. */
function pretendIssuerHost(req: IncomingMessage, issuer: URL): void {
  req.headers['x-forwarded-host'] = issuer.host;
  req.headers['x-forwarded-proto'] = issuer.protocol.slice(0, -1);
}

/**
 * OpenID Connect Core §11 wants `prompt=consent` with `offline_access`, and oidc-provider drops the scope
 * without it. Indicium's clients do not send it: the server asks for consent by itself.
 */
function askForConsent(url: URL): void {
  const scopes = url.searchParams.get('scope')?.split(' ') ?? [];
  const prompts = url.searchParams.get('prompt')?.split(' ') ?? [];
  if (!scopes.includes('offline_access') || prompts.includes('consent') || prompts.includes('none')) return;
  url.searchParams.set('prompt', [...prompts, 'consent'].join(' ').trim());
}

/** Answers for a handler that failed, as far as the connection still allows it. */
export function answerFailure(res: ServerResponse): void {
  if (res.headersSent || res.destroyed) res.socket?.destroy();
  else sendJson(res, 500, { error: 'server_error' });
}
