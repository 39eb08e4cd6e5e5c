import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { burstOf, type Sealed } from '#libs/core';
import {
  FakeConnectionStore,
  FakeDatabase,
  FakeFreezeStore,
  FakeRotationStore,
  sampleClient,
  sampleConnection,
} from '../harness/fakes/index.js';
import { clientBudgetContract } from './client-budget.contract.js';
import { rotationStoreContract, type RotationStoreUnderTest } from './rotation-store.contract.js';

const clock = { now: () => Date.now(), monotonic: () => performance.now() };

const open = async (): Promise<RotationStoreUnderTest> => {
  const database = new FakeDatabase(clock);
  return {
    store: new FakeRotationStore(database, clock),
    freezes: new FakeFreezeStore(database),
    addConnection: async ({
      due = true,
      grantType = 'refresh_token',
      clientId = 'c',
      dueInMs = 0,
      expiresInMs,
    } = {}) => {
      const uid = randomUUID();
      const isService = grantType === 'client_credentials';
      database.add(
        sampleConnection({
          uid,
          clientId,
          connectionId: uid,
          grantType,
          generation: isService ? 0 : 1,
          ...(isService ? {} : { refreshToken: 'sealed-1' as Sealed }),
          ...(due ? { dueAt: clock.now() + dueInMs } : {}),
          ...(expiresInMs === undefined ? {} : { expiresAt: clock.now() + expiresInMs }),
        }),
      );
      return uid;
    },
    configure: async (settings) => {
      database.clients.set('c', sampleClient(settings));
      Object.assign(database.budget('c'), { available: burstOf(settings), refilledAt: clock.now() });
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
};

rotationStoreContract('the fake', open);
clientBudgetContract('the fake', open);
