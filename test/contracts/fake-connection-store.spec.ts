import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Sealed } from '#libs/core';
import { FakeConnectionStore, FakeDatabase, sampleConnection } from '../harness/fakes/index.js';
import { connectionStoreContract } from './connection-store.contract.js';

const clock = { now: () => Date.now(), monotonic: () => performance.now() };

connectionStoreContract('the fake', async () => {
  const database = new FakeDatabase(clock);
  return {
    store: new FakeConnectionStore(database),
    addConnection: async (fields = {}) => {
      const uid = randomUUID();
      const refreshToken = 'sealed-1' as Sealed;
      database.add(
        sampleConnection({ uid, connectionId: uid, refreshToken, createdAt: clock.now(), ...fields }),
      );
      return uid;
    },
    find: async (uid) => database.row(uid).connection,
  };
});
