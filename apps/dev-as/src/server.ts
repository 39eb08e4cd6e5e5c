import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ClientRegistry } from './client-registry.js';
import { Control } from './control.js';
import type { GrantFilter } from './control.js';
import { Faults } from './faults.js';
import { answerFailure, createFront } from './front.js';
import type { Handler } from './captured-exchange.js';
import { JsonlFile } from './jsonl-file.js';
import { Ledger } from './ledger.js';
import { listen, stopListening } from './listener.js';
import {
  DEFAULT_ACCESS_TOKEN_TTL_SECONDS,
  DEFAULT_REFRESH_TOKEN_TTL_SECONDS,
  DEFAULT_SCOPES,
  DEFAULT_USERS,
} from './options.js';
import type { ClientRegistration, DevAuthorizationServerOptions } from './options.js';
import { createProvider, knownResources } from './provider.js';
import { createResourceApi } from './resource-api.js';
import { loadServerKeys } from './server-keys.js';
import { StateStore } from './state-store.js';

/** A running development authorization server. */
export interface DevAuthorizationServer {
  readonly issuer: string;
  readonly port: number;
  /** Resources (RFC 8707) that tokens can be asked for; the first is the default and serves `/iam/sf/…`. */
  readonly resources: readonly [string, string];
  readonly ledger: Ledger;
  readonly faults: Faults;
  /** Adds a client or replaces it as a whole. */
  putClient(client: ClientRegistration): void;
  /** Changes a client's secret, as an administrator would in IAM. */
  setClientSecret(clientId: string, clientSecret: string): void;
  /** Ends grants; answers how many. */
  revokeGrants(filter?: GrantFilter): number;
  /** Sets the life of access tokens issued from now on. */
  setAccessTokenTtl(seconds: number): void;
  /** Stops listening, ends all connections, closes the files. */
  close(): Promise<void>;
}

/** Starts a development authorization server. Rejects when the port is taken or an option is wrong. */
export async function startDevAuthorizationServer(
  options: DevAuthorizationServerOptions = {},
): Promise<DevAuthorizationServer> {
  const clients = new ClientRegistry(options.clients);
  const users = new Set(options.users ?? DEFAULT_USERS);
  const host = options.host ?? '127.0.0.1';

  // The port comes first: it is part of the issuer, and whoever holds it also holds the data directory.
  let setFront: (front: Handler) => void = () => {};
  const front = new Promise<Handler>((resolve) => (setFront = resolve));
  const { server, port } = await listen({ host, port: options.port ?? 0, tls: options.tls }, (req, res) => {
    front.then((handle) => handle(req, res)).catch(() => answerFailure(res));
  });

  try {
    const issuer = issuerOf(options, host, port);
    if (options.dataDir !== undefined) mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
    const file = (name: string): JsonlFile | undefined =>
      options.dataDir === undefined ? undefined : new JsonlFile(join(options.dataDir, name));
    const keys = await loadServerKeys(options.dataDir);
    const store = new StateStore(file('state.jsonl'));
    const ledger = new Ledger(file('ledger.jsonl'), options.onLedgerRecord);
    const ttl = options.accessTokenTtlSeconds ?? DEFAULT_ACCESS_TOKEN_TTL_SECONDS;
    const control = new Control(store, ledger, clients, ttl);
    const faults = new Faults(options.seed);
    const resources = knownResources(issuer);
    const refreshTokenTtlSeconds = options.refreshTokenTtlSeconds ?? DEFAULT_REFRESH_TOKEN_TTL_SECONDS;
    const provider = await createProvider({
      issuer,
      clients,
      store,
      ledger,
      keys,
      users,
      scopes: options.scopes ?? DEFAULT_SCOPES,
      refreshTokenTtlSeconds,
      authorizationTtlSeconds:
        options.authorizationTtlSeconds ??
        Math.max(refreshTokenTtlSeconds, DEFAULT_REFRESH_TOKEN_TTL_SECONDS),
      answerLifetimes: options.answerLifetimes ?? false,
      accessTokenTtlSeconds: (clientId) => control.accessTokenTtlSeconds(clientId),
    });
    const resourceApi = createResourceApi(issuer, resources[0], keys);
    const { controlToken } = options;
    setFront(createFront({ issuer, provider, clients, users, resourceApi, control, faults, controlToken }));

    const sweeper = setInterval(() => store.sweep(), 60_000);
    sweeper.unref();
    return {
      issuer,
      port,
      resources,
      ledger,
      faults,
      putClient: (client) => clients.put(client),
      setClientSecret: (clientId, clientSecret) => clients.setSecret(clientId, clientSecret),
      revokeGrants: (filter) => control.revokeGrants(filter),
      setAccessTokenTtl: (seconds) => control.setAccessTokenTtl(seconds),
      async close() {
        clearInterval(sweeper);
        await stopListening(server);
        store.close();
        ledger.close();
      },
    };
  } catch (error) {
    await stopListening(server);
    throw error;
  }
}

function issuerOf(options: DevAuthorizationServerOptions, host: string, port: number): string {
  const authority = host.includes(':') ? `[${host}]` : host;
  const issuer = options.issuer ?? `${options.tls ? 'https' : 'http'}://${authority}:${port}/indicium`;
  if (!URL.canParse(issuer) || !/^https?:$/.test(new URL(issuer).protocol))
    throw new TypeError(`bad issuer: ${issuer}`);
  if (issuer.endsWith('/')) throw new TypeError(`the issuer must not end with a slash: ${issuer}`);
  return issuer;
}
