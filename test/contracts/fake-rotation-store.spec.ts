import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Sealed } from '#libs/core';
import {
  FakeConnectionStore,
  FakeDatabase,
  FakeRotationStore,
  sampleConnection,
} from '../harness/fakes/index.js';
import { rotationStoreContract } from './rotation-store.contract.js';

const clock = { now: () => Date.now(), monotonic: () => performance.now() };

rotationStoreContract('the fake', async () => {
  const database = new FakeDatabase(clock);
  return {
    store: new FakeRotationStore(database, clock),
    addConnection: async ({ due = true, grantType = 'refresh_token' } = {}) => {
      const uid = randomUUID();
      const isService = grantType === 'client_credentials';
      database.add(
        sampleConnection({
          uid,
          connectionId: uid,
          grantType,
          generation: isService ? 0 : 1,
          ...(isService ? {} : { refreshToken: 'sealed-1' as Sealed }),
          ...(due ? { dueAt: clock.now() } : {}),
        }),
      );
      return uid;
    },
    expireAttempt: async (uid) => {
      const { connection, lock } = database.row(uid);
      if (lock.held) throw new Error('the row is locked');
      if (connection.attempt) {
        database.patch(uid, { attempt: { ...connection.attempt, deadlineAt: clock.now() - 1_000 } });
      }
    },
    transition: async (uid, event) => {
      await new FakeConnectionStore(database).transition(uid, event);
    },
  };
});
