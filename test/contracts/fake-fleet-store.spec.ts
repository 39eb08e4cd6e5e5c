import { FakeFleetStore } from '../harness/fakes/index.js';
import { fleetStoreContract } from './fleet-store.contract.js';

fleetStoreContract('the fake', async () => {
  const store = new FakeFleetStore();
  store.holdsTokens = false;
  return {
    store,
    holdTokens: async () => {
      store.holdsTokens = true;
    },
  };
});
