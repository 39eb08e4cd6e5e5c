import type { AdapterPayload } from 'oidc-provider';
import type { ClientRegistration, GrantType } from './options.js';

/**
 * The registered OAuth clients. They live in memory only: secrets come with the options (or through the
 * control API) each time and never reach a disk.
 */
export class ClientRegistry {
  readonly #clients = new Map<string, ClientRegistration>();

  constructor(clients: readonly ClientRegistration[] = []) {
    for (const client of clients) this.put(client);
  }

  /** Adds a client or replaces it as a whole: what an Indicium restart with changed clients does. */
  put(client: ClientRegistration): void {
    if (client.client_id === '') throw new TypeError('client_id must not be empty');
    const method = client.token_endpoint_auth_method ?? 'client_secret_basic';
    if (method !== 'none' && !client.client_secret) {
      throw new TypeError(`client ${client.client_id}: ${method} needs a client_secret`);
    }
    if (client.grant_types?.includes('client_credentials') && client.linked_user === undefined) {
      throw new TypeError(`client ${client.client_id}: client_credentials needs a linked_user`);
    }
    if (grantTypesOf(client).includes('authorization_code') && !client.redirect_uris?.length) {
      throw new TypeError(`client ${client.client_id}: authorization_code needs redirect_uris`);
    }
    this.#clients.set(client.client_id, structuredClone(client));
  }

  /** Changes a client's secret: requests with the old one are refused from now on. */
  setSecret(clientId: string, clientSecret: string): void {
    const client = this.#clients.get(clientId);
    if (!client) throw new TypeError(`unknown client: ${clientId}`);
    this.put({ ...client, client_secret: clientSecret });
  }

  get(clientId: string): ClientRegistration | undefined {
    return this.#clients.get(clientId);
  }

  /** Ids of all clients. */
  ids(): string[] {
    return [...this.#clients.keys()];
  }

  /** The client as oidc-provider wants it (RFC 7591 §2 metadata). */
  metadata(clientId: string): AdapterPayload | undefined {
    const client = this.#clients.get(clientId);
    if (!client) return undefined;
    const method = client.token_endpoint_auth_method ?? 'client_secret_basic';
    const grantTypes = grantTypesOf(client);
    return {
      client_id: client.client_id,
      client_name: client.client_name ?? client.client_id,
      ...(method === 'none' ? {} : { client_secret: client.client_secret }),
      token_endpoint_auth_method: method,
      grant_types: grantTypes,
      response_types: grantTypes.includes('authorization_code') ? ['code'] : [],
      redirect_uris: client.redirect_uris ?? [],
    };
  }
}

function grantTypesOf(client: ClientRegistration): GrantType[] {
  return client.grant_types ?? ['authorization_code', 'refresh_token'];
}
