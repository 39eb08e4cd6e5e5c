import { randomUUID } from 'node:crypto';
import type { FleetStore, Replica, ReplicaIdentity } from '#libs/core';

/** What a store under contract offers beside its port. */
export interface FleetStoreUnderTest {
  readonly store: FleetStore;
  /** From now on refresh tokens are stored: whoever is new needs somebody to vouch for it. */
  holdTokens(): Promise<void>;
}

const REASON = { reason: 'DATABASE_WENT_BACK', detail: 'it lacks attempts', by: 'broker-1' } as const;

/** The promises of `FleetStore`, for the fake and for the real one. */
export function fleetStoreContract(name: string, open: () => Promise<FleetStoreUnderTest>): void {
  describe(`FleetStore: ${name}`, () => {
    let subject: FleetStoreUnderTest;
    let store: FleetStore;

    beforeEach(async () => {
      subject = await open();
      ({ store } = subject);
    });

    const newcomer = (called = 'broker-1'): ReplicaIdentity => ({
      name: called,
      spoolId: randomUUID(),
      bootId: randomUUID(),
    });
    const row = async ({ spoolId }: ReplicaIdentity): Promise<Replica> => {
      const found = (await store.view()).replicas.find((replica) => replica.spoolId === spoolId);
      if (!found) throw new Error('no such replica');
      return found;
    };

    it('the first one is admitted, and makes the cluster known', async () => {
      const me = newcomer();
      await store.register(me);
      const view = await store.view();
      expect(view.systemIdentifier).toBe(view.actualSystemIdentifier);
      expect(await row(me)).toMatchObject({ ...me, admittedBy: 'first start', timeline: view.timeline });
    });

    it('P1: a later one is not, until somebody vouches for it; once is enough', async () => {
      await store.register(newcomer());
      await subject.holdTokens();
      const me = newcomer('broker-2');
      await store.register(me);
      expect(await row(me)).not.toHaveProperty('admittedAt');
      expect(await store.admit(me.spoolId, 'broker-1')).toMatchObject({ admittedBy: 'broker-1' });
      expect(await store.admit(me.spoolId, 'broker-3')).toBeUndefined();
      expect((await row(me)).admittedBy).toBe('broker-1');
      expect(await store.admit(randomUUID(), 'broker-1')).toBeUndefined();
    });

    it('a spool stays the same replica in its next life', async () => {
      const me = newcomer();
      await store.register(me);
      await store.drained(me);
      await subject.holdTokens();
      const next = { ...me, name: 'renamed', bootId: randomUUID() };
      await store.register(next);
      const after = await row(me);
      expect(after).toMatchObject({ ...next, admittedBy: 'first start' });
      expect(after).not.toHaveProperty('endedAt');
    });

    it('its heart beats, and says what is wrong; not for a life that is over', async () => {
      const me = newcomer();
      await store.register(me);
      await store.beat(me, undefined);
      await store.beat(me, 'the disk is full');
      expect(await row(me)).toMatchObject({ heartbeat: 2, trouble: 'the disk is full' });
      await store.beat({ ...me, bootId: randomUUID() }, undefined);
      expect((await row(me)).heartbeat).toBe(2);
      await store.beat(me, undefined);
      expect(await row(me)).not.toHaveProperty('trouble');
    });

    it('after a redo the numbers go on above what was known, and never below', async () => {
      const me = newcomer();
      await store.register(me);
      const { attemptNumber } = await store.view();
      await store.redone(me, { attemptNumber: attemptNumber + 50, heartbeat: 7 });
      expect((await store.view()).attemptNumber).toBe(attemptNumber + 50);
      await store.redone(me, { attemptNumber: attemptNumber + 10, heartbeat: 3 });
      expect((await store.view()).attemptNumber).toBe(attemptNumber + 50);
      expect(await row(me)).toMatchObject({ timeline: (await store.view()).timeline, heartbeat: 7 });
    });

    it('P1: the first reason to freeze stays; a thaw lifts it, and goes far above every number that was known', async () => {
      await store.register(newcomer());
      const before = await store.view();
      await store.freeze(REASON, before.attemptNumber + 500);
      await store.freeze({ ...REASON, reason: 'OPERATOR', by: 'workloads/admin' }, 0);
      expect((await store.view()).freeze).toMatchObject(REASON);
      await store.thaw('workloads/admin', 'CURRENT');
      const after = await store.view();
      expect(after.freeze).toBeUndefined();
      expect(after).toMatchObject({ thaws: before.thaws + 1, thawedBy: 'workloads/admin' });
      expect(after.attemptNumber).toBeGreaterThan(before.attemptNumber + 500);
    });

    it('P1: what is found about the database is not hidden by an operator’s freeze', async () => {
      await store.register(newcomer());
      await store.freeze({ ...REASON, reason: 'OPERATOR', by: 'workloads/admin' }, 0);
      await store.freeze(REASON, 0);
      expect((await store.view()).freeze).toMatchObject(REASON);
      await store.thaw('workloads/admin', 'CURRENT');
    });

    it('a replica is lost by somebody’s word, and found again by its redo', async () => {
      const me = newcomer();
      await store.register(me);
      const never = (): never => {
        throw new Error('it has no attempts');
      };
      expect(await store.declareLost(me.spoolId, 'workloads/admin', never)).toMatchObject({
        lostBy: 'workloads/admin',
      });
      expect(await store.declareLost(randomUUID(), 'workloads/admin', never)).toBeUndefined();
      await store.redone(me, { attemptNumber: 0, heartbeat: 0 });
      expect(await row(me)).not.toHaveProperty('lostAt');
    });
  });
}
