import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';
import type { ClientRegistry } from './client-registry.js';
import type { StateStore } from './state-store.js';

/** What the adapter needs from outside. */
export interface AdapterParts {
  store: StateStore;
  clients: ClientRegistry;
  /** Called when a one-time token is used again while, or after, it is consumed; ends the chain and throws. */
  onReuse: (model: string, grantId: string | undefined) => never;
}

/** oidc-provider's storage over {@link StateStore}; its clients come from the {@link ClientRegistry}. */
export function createAdapter(parts: AdapterParts): AdapterFactory {
  return (model) => (model === 'Client' ? clientAdapter(parts.clients) : stateAdapter(model, parts));
}

function stateAdapter(model: string, { store, onReuse }: AdapterParts): Adapter {
  return {
    async upsert(id, payload, expiresIn) {
      store.upsert(model, id, payload, expiresIn);
    },
    async find(id) {
      return store.find(model, id);
    },
    async findByUid(uid) {
      return store.findSessionByUid(uid);
    },
    async findByUserCode() {
      return undefined;
    },
    async consume(id) {
      // oidc-provider looks at `consumed` first and consumes some awaits later: two simultaneous requests
      // could both pass the look. Only the first of them may pass here (RFC 9700 §4.14.2).
      const grantId = store.find(model, id)?.grantId;
      if (!store.consume(model, id)) onReuse(model, grantId);
    },
    async destroy(id) {
      store.destroy(model, id);
    },
    async revokeByGrantId(grantId) {
      store.revokeByGrantId(model, grantId);
    },
  };
}

function clientAdapter(clients: ClientRegistry): Adapter {
  const unsupported = async (): Promise<never> => {
    throw new Error('clients are registered through the options or the control API');
  };
  const nothing = async (): Promise<undefined> => undefined;
  return {
    find: async (id): Promise<AdapterPayload | undefined> => clients.metadata(id),
    upsert: unsupported,
    destroy: unsupported,
    consume: unsupported,
    revokeByGrantId: unsupported,
    findByUid: nothing,
    findByUserCode: nothing,
  };
}
