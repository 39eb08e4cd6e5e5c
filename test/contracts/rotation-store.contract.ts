import { randomUUID } from 'node:crypto';
import {
  sleep,
  type AccessToken,
  type BudgetSettings,
  type Canary,
  type Claim,
  type ClaimRequest,
  type Connection,
  type FreezeStore,
  type RotationChange,
  type RotationSave,
  type RotationStore,
  type Sealed,
  type StoredAccessToken,
} from '#libs/core';

/** What a store under contract offers beside its port, for setting the scene. */
export interface RotationStoreUnderTest {
  readonly store: RotationStore;
  readonly freezes: FreezeStore;
  /** Adds a connection with generation 1, due at once unless said otherwise; answers its uid. */
  addConnection(options?: {
    readonly due?: boolean;
    readonly grantType?: Connection['grantType'];
    /** Of the OAuth client `c`, or of `other`. */
    readonly clientId?: 'c' | 'other';
    /** When it fell due, and when its access token expires, counted from now. */
    readonly dueInMs?: number;
    readonly expiresInMs?: number;
  }): Promise<string>;
  /** Sets what the OAuth client `c` may, with a full bucket. */
  configure(settings: BudgetSettings & { readonly canary?: Canary }): Promise<void>;
  /** Moves a connection's deadline into the past. */
  expireAttempt(uid: string): Promise<void>;
  /** What an operator does. */
  transition(uid: string, event: 'paused' | 'resumed'): Promise<void>;
}

/** Two replicas that are admitted. */
export const REQUEST: ClaimRequest = {
  replica: 'replica-1',
  spoolId: '00000000-0000-4000-8000-000000000001',
  bootId: '00000000-0000-4000-8000-0000000000b1',
  attemptDeadlineMs: 60_000,
  attemptFloor: 0,
};
export const OTHER: ClaimRequest = {
  ...REQUEST,
  replica: 'replica-2',
  spoolId: '00000000-0000-4000-8000-000000000002',
  bootId: '00000000-0000-4000-8000-0000000000b2',
};
const CLIENT = { clientId: 'c' };

/** The promises of `RotationStore`, for the fake and for the real one. */
export function rotationStoreContract(name: string, open: () => Promise<RotationStoreUnderTest>): void {
  describe(`RotationStore: ${name}`, () => {
    let subject: RotationStoreUnderTest;
    let store: RotationStore;

    beforeEach(async () => {
      subject = await open();
      ({ store } = subject);
    });

    const claimed = async (uid: string): Promise<Claim> => {
      const claimed = await store.claimOne(uid, REQUEST);
      if (claimed.kind !== 'claimed') throw new Error(`not claimed: ${claimed.kind}`);
      return claimed.claim;
    };

    /** Claims what is due as the scheduler does: where another one holds the budget, it asks again. */
    const claimedDue = async (request: ClaimRequest, limit: number): Promise<readonly Claim[]> => {
      const claims: Claim[] = [];
      for (;;) {
        const batch = await store.claimDue({ ...request, ...CLIENT, limit: limit - claims.length });
        claims.push(...batch.claims);
        if (batch.againInMs === undefined || claims.length === limit) return claims;
        await sleep(batch.againInMs);
      }
    };

    it('P1: claims a due connection once, whoever asks', async () => {
      const uid = await subject.addConnection();
      const [first, second] = await Promise.all([claimedDue(REQUEST, 10), claimedDue(OTHER, 10)]);
      const mine = [...first, ...second].filter(({ connection }) => connection.uid === uid);
      expect(mine).toHaveLength(1);
    });

    it('P2: the attempt is there for everybody once the claim is answered', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      const seen = await store.find(uid);
      expect(seen?.attempt).toMatchObject({ id: claim.attempt.id, generation: 1, replica: 'replica-1' });
    });

    it('claims nothing that is not due, and never more than asked for', async () => {
      const notDue = await subject.addConnection({ due: false });
      for (let i = 0; i < 3; i += 1) await subject.addConnection();
      const claims = await claimedDue(REQUEST, 2);
      expect(claims).toHaveLength(2);
      expect(claims.map(({ connection }) => connection.uid)).not.toContain(notDue);
    });

    it('claims one connection on demand although it is not due', async () => {
      const uid = await subject.addConnection({ due: false });
      expect((await claimed(uid)).connection.uid).toBe(uid);
    });

    it('P1: does not claim on demand what is claimed', async () => {
      const uid = await subject.addConnection();
      await claimed(uid);
      expect(await store.claimOne(uid, OTHER)).toEqual({ kind: 'busy' });
    });

    it('a rotation moves the generation and ends the attempt', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      const held = await store.hold(claim);
      expect(await held?.save(saveOf(claim, rotatedTo(2)))).toBe('saved');
      const after = await store.find(uid);
      expect(after).toMatchObject({
        state: 'ACTIVE',
        generation: 2,
        failureCount: 0,
        refreshToken: 'sealed-2',
      });
      expect(after?.attempt).toBeUndefined();
    });

    it('a rotation brings the lifetimes of its refresh token, or forgets them', async () => {
      const uid = await subject.addConnection();
      const known = {
        refreshExpiresAt: Date.now() + 600_000,
        authorizationExpiresAt: Date.now() + 7_200_000,
      };
      await store.save(saveOf(await claimed(uid), { ...rotatedTo(2), ...known }));
      expect(await store.find(uid)).toMatchObject(known);
      await store.save(saveOf(await claimed(uid), rotatedTo(3)));
      const after = await store.find(uid);
      expect(after).not.toHaveProperty('refreshExpiresAt');
      expect(after).not.toHaveProperty('authorizationExpiresAt');
    });

    it('P3: a save outside the lock takes effect, and saving twice is saving once', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      expect(await store.save(saveOf(claim, rotatedTo(2)))).toBe('saved');
      expect(await store.save(saveOf(claim, rotatedTo(2)))).toBe('saved');
      expect((await store.find(uid))?.generation).toBe(2);
    });

    it('P1: a failure of another attempt or generation, and a token of an earlier one, changes nothing', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      const denied = { kind: 'denied', lastError: error('invalid_grant') } as const;
      const stranger = { ...saveOf(claim, denied), attemptId: randomUUID() };
      expect(await store.save(stranger)).toBe('superseded');
      expect(await store.save({ ...saveOf(claim, denied), generation: 7 })).toBe('superseded');
      expect(await store.save({ ...saveOf(claim, rotatedTo(1)), generation: 0 })).toBe('superseded');
      expect((await store.find(uid))?.generation).toBe(1);
    });

    it('P3: a new token counts also where a failover has put its row back to an earlier generation', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      const late = { ...saveOf(claim, rotatedTo(5)), generation: 4, attemptId: randomUUID() };
      expect(await store.save(late)).toBe('saved');
      expect((await store.find(uid))?.generation).toBe(5);
      expect(await store.save(saveOf(claim, rotatedTo(2)))).toBe('superseded');
    });

    it('a held row whose lock is released without a save is as before', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      const held = await store.hold(claim);
      await held?.release();
      await held?.release();
      expect(await store.find(uid)).toMatchObject({ generation: 1, attempt: { id: claim.attempt.id } });
    });

    it('a failure that spent nothing is tried again, not before its time', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      const notBefore = Date.now() + 3_600_000;
      await store.save(
        saveOf(claim, { kind: 'released', lastError: error('down'), failureCount: 1, notBefore }),
      );
      expect(await store.find(uid)).toMatchObject({
        state: 'ACTIVE',
        failureCount: 1,
        lastError: { code: 'down' },
      });
      const claims = await claimedDue(REQUEST, 100);
      expect(claims.map(({ connection }) => connection.uid)).not.toContain(uid);
    });

    it('P7: a denial ends the connection, keeps its token, and is claimed no more', async () => {
      const uid = await subject.addConnection();
      await store.save(saveOf(await claimed(uid), { kind: 'denied', lastError: error('invalid_grant') }));
      expect(await store.find(uid)).toMatchObject({
        state: 'REAUTHORIZATION_REQUIRED',
        refreshToken: 'sealed-1',
        lastError: { code: 'invalid_grant' },
      });
      expect(await store.claimOne(uid, REQUEST)).toEqual({ kind: 'busy' });
    });

    it('P4: a lost answer leaves the connection in doubt, to be probed when it is time', async () => {
      const uid = await subject.addConnection();
      const probeAt = Date.now() + 3_600_000;
      await store.save(saveOf(await claimed(uid), { kind: 'doubted', lastError: error('timeout'), probeAt }));
      expect(await store.find(uid)).toMatchObject({ state: 'IN_DOUBT', dueAt: probeAt });
      expect(await store.claimOne(uid, REQUEST)).toEqual({ kind: 'busy' });
    });

    it('P4: takes over an attempt past its deadline, and only then', async () => {
      const uid = await subject.addConnection();
      await claimed(uid);
      const doubt = (): RotationChange & { kind: 'doubted' } => ({
        kind: 'doubted',
        lastError: error('replica_gone'),
        probeAt: Date.now(),
      });
      expect((await store.takeOver(10, doubt)).map((c) => c.uid)).not.toContain(uid);
      await subject.expireAttempt(uid);
      expect((await store.takeOver(10, doubt)).map((c) => c.uid)).toContain(uid);
      const after = await store.find(uid);
      expect(after?.state).toBe('IN_DOUBT');
      expect(after?.attempt).toBeUndefined();
    });

    it('P1: does not take over an attempt past its deadline whose lock is held', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      const held = await store.hold(claim);
      await subject.expireAttempt(uid).catch(() => undefined);
      const taken = await store.takeOver(10, () => ({ kind: 'denied', lastError: error('never') }));
      expect(taken.map((c) => c.uid)).not.toContain(uid);
      await held?.release();
    });

    it('P1: an attempt that was taken over cannot be held any more', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      await subject.expireAttempt(uid);
      await store.takeOver(10, () => ({
        kind: 'doubted',
        lastError: error('replica_gone'),
        probeAt: Date.now(),
      }));
      expect(await store.hold(claim)).toBeUndefined();
    });

    it('P3: the answer of an attempt that was taken over still counts while nothing was done about the doubt', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      await subject.expireAttempt(uid);
      await store.takeOver(10, () => ({
        kind: 'doubted',
        lastError: error('replica_gone'),
        probeAt: Date.now(),
      }));
      expect(await store.save(saveOf(claim, rotatedTo(2)))).toBe('saved');
      expect(await store.find(uid)).toMatchObject({ state: 'ACTIVE', generation: 2 });
    });

    it('P3: a late answer counts although a probe was claimed, and the probe then finds nothing to send', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      await subject.expireAttempt(uid);
      await store.takeOver(10, () => ({
        kind: 'doubted',
        lastError: error('replica_gone'),
        probeAt: Date.now() - 1,
      }));
      const probe = await claimed(uid);
      expect(await store.save(saveOf(claim, rotatedTo(2)))).toBe('saved');
      expect(await store.hold(probe)).toBeUndefined();
      expect(await store.find(uid)).toMatchObject({ state: 'ACTIVE', generation: 2 });
    });

    it('P3: a late answer counts although the connection was given up meanwhile, and is claimed again', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      await subject.expireAttempt(uid);
      await store.takeOver(10, () => ({ kind: 'denied', lastError: error('in_doubt_unresolved') }));
      expect(await store.save(saveOf(claim, rotatedTo(2)))).toBe('saved');
      expect(await store.find(uid)).toMatchObject({
        state: 'ACTIVE',
        generation: 2,
        refreshToken: 'sealed-2',
      });
    });

    const doubted = (over: { readonly probeAt?: number; readonly askSpool?: string } = {}) =>
      ({ kind: 'doubted', lastError: error('replica_gone'), probeAt: Date.now(), ...over }) as const;
    const released = {
      kind: 'released',
      lastError: error('down'),
      failureCount: 1,
      notBefore: Date.now(),
    } as const;
    const takenOver = async (uid: string, change = doubted()): Promise<Claim> => {
      const claim = await claimed(uid);
      await subject.expireAttempt(uid);
      await store.takeOver(10, () => change);
      return claim;
    };

    it('a late word that nothing was spent clears the doubt of an attempt that was taken over', async () => {
      const uid = await subject.addConnection();
      const claim = await takenOver(uid);
      expect((await store.find(uid))?.doubt?.attemptId).toBe(claim.attempt.id);
      expect(await store.save(saveOf(claim, released))).toBe('saved');
      const after = await store.find(uid);
      expect(after).toMatchObject({ state: 'ACTIVE', generation: 1, failureCount: 1 });
      expect(after?.doubt).toBeUndefined();
    });

    it('P1: a late word clears nothing once the probe is under way, and no doubt of another attempt', async () => {
      const uid = await subject.addConnection();
      const claim = await takenOver(uid);
      const probe = await claimed(uid);
      expect(await store.save(saveOf(claim, released))).toBe('superseded');
      expect(await store.find(uid)).toMatchObject({ state: 'IN_DOUBT', attempt: { id: probe.attempt.id } });
      expect(await store.save(saveOf(probe, released))).toBe('saved');
      const after = await store.find(uid);
      expect(after).toMatchObject({ state: 'IN_DOUBT', doubt: { attemptId: claim.attempt.id } });
      const stranger = { ...saveOf(claim, released), attemptId: randomUUID() };
      expect(await store.save(stranger)).toBe('superseded');
    });

    it('a doubt knows which spool may have its answer, until that one says that it is gone', async () => {
      const uid = await subject.addConnection();
      const later = Date.now() + 3_600_000;
      const claim = await takenOver(uid, doubted({ askSpool: REQUEST.spoolId }));
      expect((await store.doubtsOf(REQUEST.spoolId)).map((one) => one.uid)).toContain(uid);
      expect(await store.doubtsOf(OTHER.spoolId)).toEqual([]);
      expect(await store.save(saveOf(claim, doubted({ probeAt: later })))).toBe('saved');
      expect(await store.doubtsOf(REQUEST.spoolId)).toEqual([]);
      expect(await store.find(uid)).toMatchObject({ state: 'IN_DOUBT', dueAt: later });
    });

    it('P4: a redo counts although the attempt is not known any more, as long as nothing else has happened', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      await store.save(saveOf(claim, released));
      const { revision = 0 } = (await store.find(uid)) ?? {};
      const lost = { ...saveOf(claim, doubted()), attemptId: randomUUID(), atRevision: revision };
      expect(await store.save({ ...lost, atRevision: revision + 1 })).toBe('superseded');
      expect(await store.save(lost)).toBe('saved');
      expect(await store.find(uid)).toMatchObject({
        state: 'IN_DOUBT',
        doubt: { attemptId: lost.attemptId },
      });
      const { revision: after } = (await store.find(uid)) ?? {};
      expect(await store.save(lost)).toBe('saved');
      expect((await store.find(uid))?.revision).toBe(after);
    });

    it('an attempt is known by its number and its spool', async () => {
      const [first, second] = [await subject.addConnection(), await subject.addConnection()];
      const claims = [await claimed(first), await claimed(second)];
      expect(claims[1]?.attempt.number).toBeGreaterThan(claims[0]?.attempt.number ?? 0);
      expect((await store.attemptsOf(REQUEST.spoolId)).map((one) => one.uid).sort()).toEqual(
        [first, second].sort(),
      );
      expect(await store.attemptsOf(OTHER.spoolId)).toEqual([]);
      expect((await store.findAll([first, second, randomUUID()])).map((one) => one.uid).sort()).toEqual(
        [first, second].sort(),
      );
    });

    it('an answer from before the user authorized anew is refused', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      const stale = { ...saveOf(claim, rotatedTo(2)), attemptId: randomUUID(), authorizationEpoch: 7 };
      expect(await store.save(stale)).toBe('superseded');
    });

    it('a failure of one variant leaves the plan of the connection as it is', async () => {
      const uid = await subject.addConnection();
      const before = await store.find(uid);
      const claim = await claimed(uid);
      await store.save(
        saveOf(claim, {
          kind: 'released',
          lastError: error('invalid_target'),
          failureCount: 1,
          notBefore: Date.now() + 3_600_000,
          variantOnly: true,
        }),
      );
      const after = await store.find(uid);
      expect(after?.attempt).toBeUndefined();
      expect(after).toMatchObject({ dueAt: before?.dueAt, failureCount: 0 });
      expect(after?.notBefore).toBeUndefined();
    });

    it('P1: an attempt cannot be held once its connection is paused', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      await subject.transition(uid, 'paused');
      expect(await store.hold(claim)).toBeUndefined();
    });

    it.each([
      ['P4: a doubt', 'IN_DOUBT', { kind: 'doubted', lastError: error('timeout'), probeAt: Date.now() }],
      ['P7: a denial', 'REAUTHORIZATION_REQUIRED', { kind: 'denied', lastError: error('invalid_grant') }],
      ['P3: an answer', 'ACTIVE', rotatedTo(2)],
    ] as const)('%s that comes during a pause counts after it', async (_what, state, change) => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      await subject.transition(uid, 'paused');
      expect(await store.save(saveOf(claim, change))).toBe('saved');
      expect((await store.find(uid))?.state).toBe('PAUSED');
      await subject.transition(uid, 'resumed');
      expect((await store.find(uid))?.state).toBe(state);
    });

    it('P3: the answer of an attempt that was taken over counts although the connection was paused since', async () => {
      const uid = await subject.addConnection();
      const claim = await claimed(uid);
      await subject.expireAttempt(uid);
      await store.takeOver(10, () => ({
        kind: 'doubted',
        lastError: error('replica_gone'),
        probeAt: Date.now(),
      }));
      await subject.transition(uid, 'paused');
      expect(await store.save(saveOf(claim, rotatedTo(2)))).toBe('saved');
      await subject.transition(uid, 'resumed');
      expect(await store.find(uid)).toMatchObject({ state: 'ACTIVE', generation: 2 });
    });

    it('client credentials rotate without a generation', async () => {
      const uid = await subject.addConnection({ grantType: 'client_credentials' });
      const claim = await claimed(uid);
      const change = { ...rotatedTo(0), refreshToken: undefined } as unknown as RotationChange;
      expect(await store.save({ ...saveOf(claim, change) })).toBe('saved');
      expect((await store.find(uid))?.generation).toBe(claim.connection.generation);
    });
  });
}

/** A save of the claim's own attempt. */
export function saveOf(claim: Claim, change: RotationChange): RotationSave {
  return {
    uid: claim.connection.uid,
    generation: claim.attempt.generation,
    authorizationEpoch: claim.connection.authorizationEpoch,
    attemptId: claim.attempt.id,
    change,
  };
}

function rotatedTo(generation: number): Extract<RotationChange, { kind: 'rotated' }> {
  const now = Date.now();
  const accessToken: StoredAccessToken & Omit<AccessToken, 'token'> = {
    variantKey: '',
    token: 'sealed-access' as Sealed,
    tokenType: 'Bearer',
    scopes: ['a'],
    resource: '',
    generation,
    requestedAt: now,
    expiresAt: now + 3_600_000,
  };
  return {
    kind: 'rotated',
    generation,
    refreshToken: `sealed-${generation}` as Sealed,
    accessToken,
    tokenTtlMs: 3_600_000,
    dueAt: now + 1_800_000,
  };
}

function error(code: string): { code: string; description: string; at: number } {
  return { code, description: 'scripted', at: Date.now() };
}
