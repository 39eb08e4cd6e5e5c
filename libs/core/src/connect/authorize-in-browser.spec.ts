import {
  aRefusal,
  FakeCodeFlow,
  FakeConnectionStore,
  FakeWorld,
  type FakeReplica,
} from '../../../../test/harness/fakes/index.js';
import type { Connection } from '../connection/connection.js';
import { BrokerError } from '../errors.js';
import { BrowserAuthorization } from './authorize-in-browser.js';
import { ConnectLinks } from './connect-links.js';

const CALLBACK = 'https://broker.example/callback';
let world: FakeWorld;
let replica: FakeReplica;
let store: FakeConnectionStore;
let flow: FakeCodeFlow;
let links: ConnectLinks;
let browser: BrowserAuthorization;

beforeEach(async () => {
  world = new FakeWorld();
  replica = world.replica();
  store = new FakeConnectionStore(world.database);
  flow = new FakeCodeFlow(world.server);
  links = new ConnectLinks(world.sealer, world.clock, 'https://broker.example', 24 * 3_600_000);
  browser = new BrowserAuthorization({
    links,
    clients: { client: async (id) => world.clients.get(id) },
    connections: store,
    requests: store,
    flow,
    sealer: world.sealer,
    events: world.events,
    clock: world.clock,
    random: () => 0.5,
    profiles: replica.profiles,
  });
  await world.addConnection({ state: 'REAUTHORIZATION_REQUIRED', generation: 1 });
});

const ticket = async (wishes?: Parameters<ConnectLinks['link']>[1]): Promise<string> =>
  (await links.link(world.connection(), wishes)).uri.split('/connect/')[1]!;

interface Begun {
  readonly callback: URL;
  readonly cookie: string;
}

const begin = async (link?: string): Promise<Begun> => {
  const { redirectTo, browserCookie } = await browser.begin(link ?? (await ticket()));
  const state = new URL(redirectTo).searchParams.get('state')!;
  return { callback: new URL(`${CALLBACK}?code=xyz&state=${state}`), cookie: browserCookie };
};

const complete = ({ callback, cookie }: Begun): Promise<Connection> => browser.complete(callback, cookie);

describe('a user who grants', () => {
  it('is known to have granted now, and for how long as far as is said', async () => {
    const now = world.clock.now();
    flow.grants = {
      expiresInMs: 86_400_000,
      refreshTokenExpiresInMs: 600_000,
      authorizationExpiresInMs: 7_200_000,
    };
    const connection = await complete(await begin());
    expect(connection).toMatchObject({
      authorizedAt: now,
      refreshExpiresAt: now + 600_000,
      authorizationExpiresAt: now + 7_200_000,
    });
    expect(connection.dueAt).toBeLessThan(now + 540_000);
    // The next authorization starts anew: what was known of the one before is forgotten.
    flow.grants = { expiresInMs: 3_600_000 };
    const again = await complete(await begin());
    expect(again).not.toHaveProperty('refreshExpiresAt');
    expect(again).not.toHaveProperty('authorizationExpiresAt');
  });

  it('makes the connection active, with a refresh token that is good', async () => {
    flow.grants = { subject: 'ada', scopes: ['a'], expiresInMs: 3_600_000 };
    expect(await complete(await begin())).toMatchObject({
      state: 'ACTIVE',
      subject: 'ada',
      scopes: ['a'],
      generation: 2,
      authorizationEpoch: 1,
    });
    expect(world.server.isGood(await world.storedRefreshToken('uid-1'))).toBe(true);
    expect(await replica.rotate()).toMatchObject({ kind: 'rotated', generation: 3 });
    expect(world.events.ofType('connection.changed')).toMatchObject([{ what: 'authorized', by: 'user' }]);
  });

  it('is shown what it is about before, which changes nothing however often it is looked at', async () => {
    const link = await ticket({ scopes: ['b'] });
    for (let i = 0; i < 3; i += 1) {
      expect(await browser.invitation(link)).toEqual({
        connection: 'clients/c/connections/u1',
        issuer: 'https://as.example/indicium',
        scopes: ['b'],
        again: false,
      });
    }
    await complete(await begin(link));
    expect(await browser.invitation(await ticket())).toMatchObject({ again: true });
  });

  it('is sent away with the redirect URI, the scopes, the hint and fresh secrets each time', async () => {
    const link = await ticket({ scopes: ['openid', 'a'], loginHint: 'ada' });
    await begin(link);
    await begin(link);
    const [first, second] = flow.asked;
    expect(first).toMatchObject({ redirectUri: CALLBACK, scopes: ['openid', 'a'], loginHint: 'ada' });
    for (const key of ['state', 'nonce'] as const) expect(first?.[key]).not.toBe(second?.[key]);
    expect(first?.codeVerifier.reveal()).not.toBe(second?.codeVerifier.reveal());
  });

  it('comes back to the secrets it left with, and to a nonce only where an ID token was asked for', async () => {
    await complete(await begin());
    const { state, nonce, codeVerifier } = flow.asked[0]!;
    expect(flow.answers[0]).toMatchObject({ state, nonce });
    expect(flow.answers[0]?.codeVerifier.reveal()).toBe(codeVerifier.reveal());
    await complete(await begin(await ticket({ scopes: ['a'] })));
    expect(flow.answers[1]).not.toHaveProperty('nonce');
  });

  it('P5: has a token whose life counts from the moment before the exchange', async () => {
    flow.grants = { expiresInMs: 60_000 };
    expect(await complete(await begin())).toMatchObject({ expiresAt: world.clock.now() + 60_000 });
  });
});

describe('nothing changes', () => {
  const unchanged = (): void =>
    expect(world.connection()).toMatchObject({
      state: 'REAUTHORIZATION_REQUIRED',
      generation: 1,
      authorizationEpoch: 0,
    });

  it.each([
    ['of another browser', 'another-cookie'],
    ['without a cookie', undefined],
    ['with an empty cookie', ''],
  ])('by an answer %s, and no code is exchanged', async (_what, cookie) => {
    const { callback } = await begin();
    await expect(browser.complete(callback, cookie)).rejects.toEqual(
      aRefusal('INVALID_REQUEST', /another browser/),
    );
    expect(flow.answers).toEqual([]);
    unchanged();
    expect(world.events.ofType('authorization.refused')).toHaveLength(1);
  });

  it('by the cookie of another attempt of the same user', async () => {
    const [first, second] = [await begin(), await begin()];
    await expect(browser.complete(first.callback, second.cookie)).rejects.toEqual(
      aRefusal('INVALID_REQUEST'),
    );
    unchanged();
  });

  it.each(['', '?state=unknown', '?code=x'])('by an answer nobody waits for: %j', async (query) => {
    const begun = await begin();
    await expect(browser.complete(new URL(CALLBACK + query), begun.cookie)).rejects.toEqual(
      aRefusal('INVALID_REQUEST', /used already, or it took too long/),
    );
    unchanged();
  });

  it('by an answer that took too long', async () => {
    const begun = await begin();
    world.clock.advance(15 * 60_000);
    await expect(complete(begun)).rejects.toEqual(aRefusal('INVALID_REQUEST', /too long/));
    unchanged();
  });

  it('by somebody else logging in', async () => {
    world.database.patch('uid-1', { subject: 'ada' });
    flow.grants = { subject: 'eve' };
    await expect(complete(await begin())).rejects.toEqual(aRefusal('SUBJECT_MISMATCH'));
    unchanged();
  });

  it('by a grant without a refresh token', async () => {
    flow.grants = { refreshToken: false };
    await expect(complete(await begin())).rejects.toEqual(
      aRefusal('AUTHORIZATION_SERVER_REFUSED', /offline/),
    );
    unchanged();
  });

  it('by the server’s refusal, which is told of', async () => {
    flow.failure = BrokerError.of('AUTHORIZATION_SERVER_REFUSED', 'access_denied');
    await expect(complete(await begin())).rejects.toBe(flow.failure);
    unchanged();
    expect(world.events.ofType('authorization.refused')).toMatchObject([
      { error: 'AUTHORIZATION_SERVER_REFUSED' },
    ]);
  });

  it('by an OAuth client that is gone', async () => {
    const begun = await begin();
    world.clients.clear();
    await expect(complete(begun)).rejects.toEqual(aRefusal('NOT_FOUND'));
    unchanged();
  });
});

describe('once only', () => {
  it('an answer counts once, also where it was refused', async () => {
    const begun = await begin();
    await complete(begun);
    await expect(complete(begun)).rejects.toEqual(aRefusal('INVALID_REQUEST', /used already/));
    expect(flow.answers).toHaveLength(1);
    const stolen = await begin(await ticket());
    await expect(browser.complete(stolen.callback, 'stolen')).rejects.toEqual(aRefusal('INVALID_REQUEST'));
    await expect(complete(stolen)).rejects.toEqual(aRefusal('INVALID_REQUEST', /used already/));
  });

  it('a link that was used leads nowhere', async () => {
    const link = await ticket();
    await complete(await begin(link));
    await expect(browser.invitation(link)).rejects.toEqual(aRefusal('INVALID_REQUEST', /has been used/));
    await expect(browser.begin(link)).rejects.toEqual(aRefusal('INVALID_REQUEST', /has been used/));
  });

  it('of two links that were begun the first one counts, and the other says so', async () => {
    const [first, second] = [await begin(), await begin()];
    await complete(first);
    const after = world.connection();
    await expect(complete(second)).rejects.toEqual(aRefusal('STATE_CONFLICT', /another link/));
    expect(world.connection()).toEqual(after);
  });
});

describe('a rotation that comes in between', () => {
  it('is outrun: the grant is saved on top of it', async () => {
    let rotations = 2;
    store.meanwhile = () => {
      if (rotations === 0) return;
      rotations -= 1;
      world.database.patch('uid-1', { generation: world.connection().generation + 1 });
    };
    expect(await complete(await begin())).toMatchObject({ state: 'ACTIVE', generation: 4 });
    expect(world.server.isGood(await world.storedRefreshToken('uid-1'))).toBe(true);
  });

  it('another authorization is not', async () => {
    store.meanwhile = () => world.database.patch('uid-1', { authorizationEpoch: 1 });
    await expect(complete(await begin())).rejects.toEqual(aRefusal('STATE_CONFLICT'));
  });

  it('P1: its late answer cannot undo the grant', async () => {
    world.database.patch('uid-1', { state: 'ACTIVE' });
    const claim = await replica.claim();
    const saved = await complete(await begin());
    expect(saved.attempt).toBeUndefined();
    expect(await replica.spender.spend(claim)).toMatchObject({ kind: 'superseded' });
    expect(world.server.ledger).toEqual([]);
    expect(world.connection()).toEqual(saved);
  });
});
