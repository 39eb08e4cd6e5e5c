import { BrokerError, parseClientName, type OAuthClient } from '#libs/core';
import type { Client, ClientServiceServer } from '#proto/tokenbroker/v1/client_service';
import { clientFieldsFromWire, clientToWire } from '../messages/client.js';
import { clientStatusToWire } from '../messages/client-status.js';
import { clientUpdate } from '../messages/client-update.js';
import { profileToWire } from '../messages/profile.js';
import type { GrpcServerParts } from '../parts.js';
import { unary, type CallContext } from './unary.js';

type Methods = Pick<
  ClientServiceServer,
  | 'createClient'
  | 'getClient'
  | 'listClients'
  | 'updateClient'
  | 'deleteClient'
  | 'listProfiles'
  | 'freezeClient'
  | 'thawClient'
  | 'getClientStatus'
  | 'listClientStatuses'
>;

/** `tokenbroker.v1.ClientService`. Roles are checked by the use cases. */
export function clientService(
  context: CallContext,
  {
    clients,
    freezing,
    statuses,
    redirectUri,
  }: Pick<GrpcServerParts, 'clients' | 'freezing' | 'statuses' | 'redirectUri'>,
): Methods {
  const shown = (client: OAuthClient): Client =>
    clientToWire(client, redirectUri, clients.effectiveProfile(client));
  return {
    createClient: unary(context, async (request, caller) => {
      const fields = clientFieldsFromWire(given(request.client));
      return { client: shown(await clients.create(caller, request.clientId, fields)) };
    }),

    getClient: unary(context, async (request, caller) => ({
      client: shown(await clients.get(caller, parseClientName(request.name))),
    })),

    listClients: unary(context, async (_request, caller) => ({
      clients: (await clients.list(caller)).map(shown),
    })),

    updateClient: unary(context, async (request, caller) => {
      const client = given(request.client);
      const id = parseClientName(client.name);
      const change = clientUpdate(client, request.updateMask ?? []);
      return { client: shown(await clients.update(caller, id, change)) };
    }),

    deleteClient: unary(context, async (request, caller) => {
      await clients.delete(caller, parseClientName(request.name));
      return {};
    }),

    listProfiles: unary(context, async (_request, caller) => ({
      profiles: (await clients.listProfiles(caller)).map(profileToWire),
    })),

    freezeClient: unary(context, async ({ name, reason }, caller) => ({
      client: shown(await freezing.freeze(caller, parseClientName(name), reason)),
    })),

    thawClient: unary(context, async ({ name, reason, acceptDenials }, caller) => ({
      client: shown(await freezing.thaw(caller, parseClientName(name), reason, acceptDenials)),
    })),

    getClientStatus: unary(context, async (request, caller) => ({
      status: clientStatusToWire(await statuses.get(caller, parseClientName(request.name))),
    })),

    listClientStatuses: unary(context, async (_request, caller) => ({
      statuses: (await statuses.list(caller)).map(clientStatusToWire),
    })),
  };
}

function given(client: Client | undefined): Client {
  if (client) return client;
  throw BrokerError.of('INVALID_REQUEST', 'client is missing.');
}
