import type { Claim, LastError, RotationChange, RotationStore } from '#libs/core';
import { OTHER, REQUEST, saveOf, type RotationStoreUnderTest } from './rotation-store.contract.js';

const MINUTE = 60_000;

/** The promises of `RotationStore` and `FreezeStore` about budgets, order and freezes, for the fake and for the real ones. */
export function clientBudgetContract(name: string, open: () => Promise<RotationStoreUnderTest>): void {
  describe(`budgets of OAuth clients: ${name}`, () => {
    let subject: RotationStoreUnderTest;
    let store: RotationStore;

    beforeEach(async () => {
      subject = await open();
      ({ store } = subject);
    });

    const add = async (count: number): Promise<string[]> => {
      const uids: string[] = [];
      for (let i = 0; i < count; i += 1) uids.push(await subject.addConnection());
      return uids;
    };
    const claimDue = (limit = 100, request = REQUEST): ReturnType<RotationStore['claimDue']> =>
      store.claimDue({ ...request, clientId: 'c', limit });
    const uidsOf = (claims: readonly Claim[]): string[] => claims.map(({ connection }) => connection.uid);
    const claimed = async (uid: string): Promise<Claim> => {
      const result = await store.claimOne(uid, REQUEST);
      if (result.kind !== 'claimed') throw new Error(`not claimed: ${result.kind}`);
      return result.claim;
    };
    const released = (): RotationChange => ({
      kind: 'released',
      lastError: error('down'),
      failureCount: 1,
      notBefore: Date.now() + MINUTE,
    });
    const denied = (at = Date.now()): RotationChange => ({
      kind: 'denied',
      lastError: { ...error('invalid_grant'), at },
      whileFrozen: { lastError: error('denied_in_storm'), probeAt: Date.now() + MINUTE },
    });
    const deny = async (uid: string): Promise<string> => store.save(saveOf(await claimed(uid), denied()));
    const stateOf = async (uid: string): Promise<string | undefined> => (await store.find(uid))?.state;

    it('P11: claims for one OAuth client, and for no other', async () => {
      const mine = await subject.addConnection();
      await subject.addConnection({ clientId: 'other' });
      expect(uidsOf((await claimDue()).claims)).toEqual([mine]);
    });

    it('says which OAuth clients have something due, the longest overdue first', async () => {
      expect(await store.dueClients()).toEqual([]);
      await subject.addConnection({ dueInMs: -1_000 });
      await subject.addConnection({ clientId: 'other', dueInMs: -5_000 });
      await subject.addConnection({ dueInMs: MINUTE });
      expect(await store.dueClients()).toEqual(['other', 'c']);
      await claimDue();
      expect(await store.dueClients()).toEqual(['other']);
    });

    it('P11: the background leaves a fifth of the burst to reads on demand', async () => {
      const uids = await add(12);
      const begun = performance.now();
      await subject.configure({ ratePerSecond: 10, maxConcurrent: 1_000 });
      const first = await claimDue();
      const gained = ((performance.now() - begun) / 1_000) * 10;
      expect(first.claims.length).toBeGreaterThanOrEqual(8);
      expect(first.claims.length).toBeLessThanOrEqual(8 + gained);
      expect(first.againInMs).toBeGreaterThan(0);
      const left = uids.filter((uid) => !uidsOf(first.claims).includes(uid));
      expect(await store.claimOne(left[0]!, REQUEST)).toMatchObject({ kind: 'claimed' });
    });

    it('P11: a read on demand that finds no budget is told when to come back', async () => {
      await subject.configure({ ratePerSecond: 0.01, maxConcurrent: 1_000 });
      const [first = '', second = ''] = await add(2);
      expect(await store.claimOne(first, REQUEST)).toMatchObject({ kind: 'claimed' });
      const refused = await store.claimOne(second, OTHER);
      expect(refused).toMatchObject({ kind: 'noBudget', limit: 'rate' });
      expect(refused.kind === 'noBudget' && refused.retryInMs).toBeGreaterThan(10_000);
      expect((await store.find(second))?.attempt).toBeUndefined();
    });

    it('P11: never more attempts at once than the OAuth client may have, over all replicas', async () => {
      await subject.configure({ ratePerSecond: 1_000, maxConcurrent: 4 });
      const uids = await add(8);
      const first = await claimDue();
      // A quarter of them is left to reads on demand.
      expect(first.claims).toHaveLength(3);
      expect((await claimDue(100, OTHER)).claims).toEqual([]);
      const left = uids.filter((uid) => !uidsOf(first.claims).includes(uid));
      expect(await store.claimOne(left[0]!, OTHER)).toMatchObject({ kind: 'claimed' });
      expect(await store.claimOne(left[1]!, OTHER)).toMatchObject({
        kind: 'noBudget',
        limit: 'concurrency',
      });
      for (const claim of first.claims) await store.save(saveOf(claim, released()));
      expect(await store.claimOne(left[1]!, OTHER)).toMatchObject({ kind: 'claimed' });
    });

    it('P11: while a read on demand waits for the budget, the background claims nothing', async () => {
      await subject.configure({ ratePerSecond: 1_000, maxConcurrent: 1 });
      const [first = '', second = ''] = await add(3);
      const claim = await claimed(first);
      const asked = performance.now();
      expect(await store.claimOne(second, OTHER)).toMatchObject({ kind: 'noBudget' });
      await store.save(saveOf(claim, released()));
      const background = await claimDue();
      // A wait counts for half a second after it was last heard of.
      if (performance.now() - asked < 400) expect(background.claims).toEqual([]);
      for (const late of background.claims) await store.save(saveOf(late, released()));
      expect(await store.claimOne(second, OTHER)).toMatchObject({ kind: 'claimed' });
    });

    it('P11: two replicas that claim at once keep to the one budget, and share no connection', async () => {
      await add(40);
      const begun = performance.now();
      await subject.configure({ ratePerSecond: 20, maxConcurrent: 1_000 });
      const batches = await Promise.all(
        Array.from({ length: 6 }, (_, i) => claimDue(100, i % 2 === 0 ? REQUEST : OTHER)),
      );
      const gained = ((performance.now() - begun) / 1_000) * 20;
      const uids = batches.flatMap(({ claims }) => uidsOf(claims));
      expect(new Set(uids).size).toBe(uids.length);
      expect(uids.length).toBeGreaterThanOrEqual(16);
      expect(uids.length).toBeLessThanOrEqual(16 + gained);
    });

    it('P11: the soonest to expire comes first, and one that has no token before all', async () => {
      const later = await subject.addConnection({ dueInMs: -3_000, expiresInMs: 30 * MINUTE });
      const soon = await subject.addConnection({ dueInMs: -1_000, expiresInMs: MINUTE });
      const over = await subject.addConnection({ dueInMs: -2_000, expiresInMs: -MINUTE });
      const none = await subject.addConnection({ dueInMs: 0 });
      await subject.addConnection({ dueInMs: MINUTE, expiresInMs: -2 * MINUTE });
      const order: string[] = [];
      for (let i = 0; i < 4; i += 1) order.push(...uidsOf((await claimDue(1)).claims));
      expect(order).toEqual([none, over, soon, later]);
      expect(await claimDue(1)).toEqual({ claims: [] });
    });

    it('a batch that its caller limited can be asked for more at once; one that found less cannot', async () => {
      await add(3);
      expect(await claimDue(2)).toMatchObject({ againInMs: 0 });
      expect((await claimDue(2)).againInMs).toBeUndefined();
    });

    describe('a canary', () => {
      it('P11: is the only rotation of its OAuth client, over all replicas, until it has proved itself', async () => {
        await subject.configure({ ratePerSecond: 1_000, maxConcurrent: 16, canary: 'changed' });
        const uids = await add(3);
        const { claims } = await claimDue();
        expect(claims).toMatchObject([{ canary: 'changed' }]);
        expect((await claimDue(100, OTHER)).claims).toEqual([]);
        const left = uids.filter((uid) => uid !== claims[0]!.connection.uid);
        expect(await store.claimOne(left[0]!, OTHER)).toMatchObject({ kind: 'noBudget', limit: 'canary' });
        expect(await subject.freezes.proveCanary('c', 'thawed', 'refresh_token')).toBe(false);
        expect(await subject.freezes.proveCanary('c', 'changed', 'refresh_token')).toBe(true);
        expect(await subject.freezes.proveCanary('c', 'changed', 'refresh_token')).toBe(false);
        await new Promise((resolve) => setTimeout(resolve, 600));
        const after = await claimDue();
        expect(uidsOf(after.claims).sort()).toEqual(left.sort());
        expect(after.claims.some(({ canary }) => canary)).toBe(false);
      });

      it('after a thaw is an active user, not a probe and not client credentials', async () => {
        await subject.addConnection({ grantType: 'client_credentials', dueInMs: -2_000 });
        const doubted = await subject.addConnection({ dueInMs: -3_000, expiresInMs: -MINUTE });
        const active = await subject.addConnection({ expiresInMs: MINUTE });
        const probeAt = Date.now() - 1_000;
        const doubt: RotationChange = { kind: 'doubted', lastError: error('timeout'), probeAt };
        await store.save(saveOf(await claimed(doubted), doubt));
        await subject.configure({ ratePerSecond: 1_000, maxConcurrent: 16, canary: 'thawed' });
        expect(uidsOf((await claimDue()).claims)).toEqual([active]);
      });

      it('client credentials prove nothing about refresh tokens after a thaw, where there are any', async () => {
        await subject.configure({ ratePerSecond: 1_000, maxConcurrent: 16, canary: 'thawed' });
        await subject.addConnection();
        expect(await subject.freezes.proveCanary('c', 'thawed', 'client_credentials')).toBe(false);
        expect(await subject.freezes.proveCanary('c', 'thawed', 'refresh_token')).toBe(true);
      });
    });

    describe('a freeze', () => {
      const freeze = (): ReturnType<typeof subject.freezes.freeze> =>
        subject.freezes.freeze('c', { reason: 'scripted', by: 'workloads/admin' });

      it('P11: nothing is claimed through it, by whichever replica, until it is thawed', async () => {
        const [uid = ''] = await add(2);
        expect(await freeze()).toEqual({ frozen: true, reconsidered: 0 });
        expect(await freeze()).toEqual({ frozen: false, reconsidered: 0 });
        expect(await claimDue()).toEqual({ claims: [] });
        expect(await store.dueClients()).toEqual([]);
        expect(await store.claimOne(uid, OTHER)).toMatchObject({
          kind: 'frozen',
          freeze: { reason: 'scripted', by: 'workloads/admin' },
        });
        expect(await subject.freezes.thaw('c', false)).toBe(true);
        expect(await subject.freezes.thaw('c', false)).toBe(false);
        expect((await claimDue()).claims).toMatchObject([{ canary: 'thawed' }]);
      });

      it('P11: a denial is a denial, and while its OAuth client is frozen it is a doubt', async () => {
        const [before = '', during = ''] = await add(2);
        const claim = await claimed(during);
        expect(await deny(before)).toBe('saved');
        await freeze();
        expect(await store.save(saveOf(claim, denied()))).toBe('doubted');
        expect(await stateOf(before)).toBe('REAUTHORIZATION_REQUIRED');
        const after = await store.find(during);
        expect(after).toMatchObject({ state: 'IN_DOUBT', lastError: { code: 'denied_in_storm' } });
        expect(after?.attempt).toBeUndefined();
      });

      it('P11: what was claimed just before is not sent either', async () => {
        const [uid = ''] = await add(1);
        const claim = await claimed(uid);
        await freeze();
        expect(await store.hold(claim)).toBeUndefined();
      });

      it('P1: the denial of a probe stays one: its token is not sent for the third time', async () => {
        const [uid = ''] = await add(1);
        const claim = await claimed(uid);
        await freeze();
        const { whileFrozen: _none, ...final } = denied() as Extract<RotationChange, { kind: 'denied' }>;
        expect(await store.save(saveOf(claim, final))).toBe('saved');
        expect(await stateOf(uid)).toBe('REAUTHORIZATION_REQUIRED');
      });

      it('P11: is not for the brake while an operator has accepted denials, and is for the operator', async () => {
        const brake = {
          code: 'invalid_grant',
          since: 0,
          decide: () => ({ lastError: error('x'), probeAt: 0 }),
        };
        const byBrake = (): ReturnType<typeof freeze> =>
          subject.freezes.freeze('c', { reason: 'storm', by: 'replicas/r' }, brake);
        const [uid = ''] = await add(1);
        await deny(uid);
        await freeze();
        expect(await subject.freezes.thaw('c', true)).toBe(true);
        expect(await byBrake()).toEqual({ frozen: false, reconsidered: 0 });
        expect(await stateOf(uid)).toBe('REAUTHORIZATION_REQUIRED');
        await add(2);
        const { claims } = await claimDue();
        expect(claims.map(({ canary }) => canary)).toEqual([undefined, undefined]);
        expect(await freeze()).toEqual({ frozen: true, reconsidered: 0 });
        expect(await subject.freezes.thaw('c', false)).toBe(true);
        expect(await byBrake()).toEqual({ frozen: true, reconsidered: 1 });
      });

      it('P11: takes back the denials of the same kind and time, but not those of probes', async () => {
        const [alike = '', old = '', another = '', probed = '', paused = ''] = await add(5);
        await deny(alike);
        await store.save(saveOf(await claimed(old), denied(Date.now() - 10 * MINUTE)));
        const otherwise = { ...denied(), lastError: error('invalid_scope') } as RotationChange;
        await store.save(saveOf(await claimed(another), otherwise));
        const doubt: RotationChange = {
          kind: 'doubted',
          lastError: error('timeout'),
          probeAt: Date.now() - 1,
        };
        await store.save(saveOf(await claimed(probed), doubt));
        await deny(probed);
        const claim = await claimed(paused);
        await subject.transition(paused, 'paused');
        await store.save(saveOf(claim, denied()));

        const probeAt = Date.now() + MINUTE;
        const seen: string[] = [];
        const result = await subject.freezes.freeze(
          'c',
          { reason: 'storm', by: 'replicas/r' },
          {
            code: 'invalid_grant',
            since: Date.now() - MINUTE,
            decide: ({ uid }) => {
              seen.push(uid);
              return { lastError: error('denied_in_storm'), probeAt };
            },
          },
        );
        expect(result).toEqual({ frozen: true, reconsidered: 2 });
        expect(seen.sort()).toEqual([alike, paused].sort());
        expect(await store.find(alike)).toMatchObject({
          state: 'IN_DOUBT',
          dueAt: probeAt,
          refreshToken: 'sealed-1',
          lastError: { code: 'denied_in_storm' },
        });
        for (const uid of [old, another, probed]) expect(await stateOf(uid)).toBe('REAUTHORIZATION_REQUIRED');
        await subject.transition(paused, 'resumed');
        expect(await stateOf(paused)).toBe('IN_DOUBT');
      });
    });
  });
}

function error(code: string): LastError {
  return { code, description: 'scripted', at: Date.now() };
}
