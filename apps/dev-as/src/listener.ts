import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TlsOptions } from './options.js';

/** Where to listen. */
export interface ListenOptions {
  host: string;
  port: number;
  tls: TlsOptions | undefined;
}

/** Listens, over TLS when there is a certificate; never in the clear beyond loopback (RFC 6749 §3.2). */
export async function listen(
  { host, port, tls }: ListenOptions,
  handler: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<{ server: Server; port: number }> {
  if (!tls && !isLoopback(host)) {
    throw new Error(
      `refusing to listen in the clear on ${host}: give a TLS certificate, or listen on 127.0.0.1`,
    );
  }
  const server = tls
    ? createHttpsServer({ cert: tls.cert, key: tls.key }, handler)
    : createHttpServer(handler);
  // Clients keep connections for a while: a server that closes them first makes requests fail at random.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** Stops listening and ends every connection. */
export async function stopListening(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  // Whoever is still being answered gets a moment; a `hang` would keep the server open for ever.
  const timer = setTimeout(() => server.closeAllConnections(), 500);
  await closed;
  clearTimeout(timer);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
