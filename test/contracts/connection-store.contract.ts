import { randomUUID } from 'node:crypto';
import {
  reauthorizeAt,
  type Connection,
  type ConnectionState,
  type ConnectionStore,
  type Sealed,
  type StoredAccessToken,
} from '#libs/core';
import { aRefusal } from '../harness/fakes/index.js';

/** What a contract test may say of a connection. */
export type ContractFields = Partial<
  Pick<
    Connection,
    | 'clientId'
    | 'state'
    | 'failureCount'
    | 'lastError'
    | 'authorizedAt'
    | 'refreshExpiresAt'
    | 'authorizationExpiresAt'
    | 'createdAt'
  >
>;

/** What a store under contract offers beside its port, for setting the scene. */
export interface ConnectionStoreUnderTest {
  readonly store: ConnectionStore;
  /** Adds a user's connection with generation 1 of the OAuth client `c` or `d`; answers its uid. */
  addConnection(fields?: ContractFields): Promise<string>;
  find(uid: string): Promise<Connection | undefined>;
}

const DAY = 86_400_000;
const STATES: readonly ConnectionState[] = [
  'ACTIVE',
  'IN_DOUBT',
  'REAUTHORIZATION_REQUIRED',
  'PAUSED',
  'REVOKED',
];

/** The promises of `ConnectionStore` about lifetimes and their forecast, for the fake and for the real one. */
export function connectionStoreContract(name: string, open: () => Promise<ConnectionStoreUnderTest>): void {
  describe(`ConnectionStore: ${name}`, () => {
    let subject: ConnectionStoreUnderTest;
    let store: ConnectionStore;

    beforeEach(async () => {
      subject = await open();
      ({ store } = subject);
    });

    /** A time that the database keeps to the millisecond. */
    const inDays = (days: number): number => Math.floor(Date.now()) + days * DAY;
    const forecast = async (withinDays: number, clientId?: string): Promise<string[]> => {
      const query = {
        withinMs: withinDays * DAY,
        pageSize: 100,
        pageToken: '',
        ...(clientId ? { clientId } : {}),
      };
      return (await store.listReauthorizations(query)).connections.map(({ uid }) => uid);
    };

    it('lists what will need its user, soonest first, and what does already before all others', async () => {
      const later = await subject.addConnection({ authorizationExpiresAt: inDays(20) });
      const soon = await subject.addConnection({ authorizationExpiresAt: inDays(2) });
      const never = await subject.addConnection();
      const now = await subject.addConnection({ state: 'REAUTHORIZATION_REQUIRED' });
      const beyond = await subject.addConnection({ authorizationExpiresAt: inDays(40) });
      expect(await forecast(30)).toEqual([now, soon, later]);
      expect(await forecast(0)).toEqual([now]);
      expect(await forecast(3_000)).toEqual([now, soon, later, beyond]);
      expect(await forecast(3_000)).not.toContain(never);
    });

    it('of one OAuth client, or of all', async () => {
      const mine = await subject.addConnection({ clientId: 'c', authorizationExpiresAt: inDays(1) });
      const other = await subject.addConnection({ clientId: 'd', authorizationExpiresAt: inDays(2) });
      expect(await forecast(30, 'c')).toEqual([mine]);
      expect(await forecast(30)).toEqual([mine, other]);
    });

    it('page after page, each once, also those of the same time', async () => {
      const at = inDays(3);
      const all = new Set<string>();
      for (let i = 0; i < 5; i += 1) all.add(await subject.addConnection({ authorizationExpiresAt: at }));
      all.add(await subject.addConnection({ authorizationExpiresAt: at + 1 }));
      const seen: string[] = [];
      let pageToken = '';
      do {
        const page = await store.listReauthorizations({ withinMs: 30 * DAY, pageSize: 2, pageToken });
        expect(page.connections.length).toBeLessThanOrEqual(2);
        seen.push(...page.connections.map(({ uid }) => uid));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(seen).toHaveLength(6);
      expect(new Set(seen)).toEqual(all);
    });

    it('agrees with the domain about when, in every state', async () => {
      const lastError = { code: 'x', description: 'x', at: inDays(-1) };
      for (const state of STATES) {
        for (const failureCount of [0, 3]) {
          for (const known of [
            {},
            { refreshExpiresAt: inDays(5) },
            { authorizationExpiresAt: inDays(6) },
            { refreshExpiresAt: inDays(5), authorizationExpiresAt: inDays(4), lastError },
          ]) {
            const uid = await subject.addConnection({ state, failureCount, ...known, createdAt: inDays(-2) });
            const connection = await subject.find(uid);
            const at = connection && reauthorizeAt(connection);
            const days = at === undefined ? undefined : Math.round((at - Date.now()) / DAY);
            expect([state, failureCount, known, (await forecast(30)).includes(uid)]).toEqual([
              state,
              failureCount,
              known,
              days !== undefined,
            ]);
            if (days !== undefined) expect(await forecast(days - 0.5)).not.toContain(uid);
          }
        }
      }
    });

    it('a completed authorization brings its lifetimes, and forgets those of the one before', async () => {
      const uid = await subject.addConnection({
        state: 'REAUTHORIZATION_REQUIRED',
        refreshExpiresAt: inDays(-1),
        authorizationExpiresAt: inDays(-1),
      });
      const authorizedAt = inDays(0);
      const done = {
        uid,
        refreshToken: 'sealed-2' as Sealed,
        accessToken: accessToken(2),
        scopes: ['a'],
        tokenTtlMs: 3_600_000,
        dueAt: inDays(1),
        authorizedAt,
      };
      const known = { refreshExpiresAt: inDays(10), authorizationExpiresAt: inDays(90) };
      const first = await store.completeAuthorization({ ...done, ...known, fromGeneration: 1, fromEpoch: 0 });
      expect(first).toMatchObject({ authorizedAt, ...known });
      const second = await store.completeAuthorization({
        ...done,
        accessToken: accessToken(3),
        fromGeneration: 2,
        fromEpoch: 1,
      });
      expect(second).not.toHaveProperty('refreshExpiresAt');
      expect(second).not.toHaveProperty('authorizationExpiresAt');
    });

    it('an imported connection may know when it was authorized', async () => {
      const authorizedAt = inDays(-10);
      const authorizationExpiresAt = inDays(20);
      const uid = randomUUID();
      const created = await store.create({
        uid,
        clientId: 'c',
        connectionId: uid,
        state: 'ACTIVE',
        subjectKind: 'USER',
        grantType: 'refresh_token',
        generation: 1,
        refreshToken: 'sealed-1' as Sealed,
        scopes: ['a'],
        due: true,
        authorizedAt,
        authorizationExpiresAt,
      });
      expect(created).toMatchObject({ authorizedAt, authorizationExpiresAt });
      expect(await forecast(30)).toEqual([uid]);
    });
  });
}

/** What a page token that is none of ours gets. */
export const NOT_OURS = aRefusal('INVALID_REQUEST', /page_token/);

function accessToken(generation: number): StoredAccessToken {
  const now = Date.now();
  return {
    variantKey: '',
    token: 'sealed-access' as Sealed,
    tokenType: 'Bearer',
    scopes: ['a'],
    resource: '',
    generation,
    requestedAt: now,
    expiresAt: now + 3_600_000,
  };
}
