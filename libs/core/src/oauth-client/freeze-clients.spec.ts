import {
  aRefusal,
  CollectedEvents,
  FakeFreezeStore,
  FakeWorld,
  sampleWorkload,
} from '../../../../test/harness/fakes/index.js';
import { ClientFreezing } from './freeze-clients.js';
import { ClientStatuses, type ClientFigures } from './client-status.js';
import { isAnotherClient } from './client-changes.js';
import type { OAuthClient } from './oauth-client.js';
import type { Sealed } from '../sealer.js';

const OPERATOR = sampleWorkload('ops', 'OPERATOR');
const READER = sampleWorkload('eyes', 'READER');
let world: FakeWorld;
let events: CollectedEvents;
let freezing: ClientFreezing;

const directory = {
  known: (id: string): OAuthClient | undefined => world.clients.get(id),
  client: async (id: string) => world.clients.get(id),
  refresh: async () => undefined,
};

beforeEach(() => {
  world = new FakeWorld();
  events = new CollectedEvents();
  freezing = new ClientFreezing(new FakeFreezeStore(world.database), directory, events);
});

describe('P11: an operator', () => {
  it('freezes with a reason, under their own name, and the log calls for help', async () => {
    const frozen = await freezing.freeze(OPERATOR, 'c', '  restored from a backup ');
    expect(frozen.freeze).toMatchObject({ reason: 'restored from a backup', by: 'workloads/ops' });
    expect(events.all).toEqual([
      {
        type: 'client.frozen',
        client: 'clients/c',
        reason: 'restored from a backup',
        by: 'workloads/ops',
        reconsidered: 0,
      },
    ]);
  });

  it('thaws, and the OAuth client has to prove itself; whoever remembers its failures forgets them', async () => {
    const { revision } = await freezing.freeze(OPERATOR, 'c', 'why');
    const thawed = await freezing.thaw(OPERATOR, 'c', '', false);
    expect(thawed).toMatchObject({ canary: 'thawed', revision: revision + 1 });
    expect(thawed.freeze).toBeUndefined();
    expect(events.ofType('client.thawed')).toMatchObject([{ client: 'clients/c', by: 'workloads/ops' }]);
  });

  it('is told where it makes no sense', async () => {
    await expect(freezing.thaw(OPERATOR, 'c', '', false)).rejects.toEqual(aRefusal('STATE_CONFLICT'));
    await expect(freezing.freeze(OPERATOR, 'c', ' ')).rejects.toEqual(aRefusal('INVALID_REQUEST'));
    await expect(freezing.freeze(OPERATOR, 'c', 'x'.repeat(256))).rejects.toEqual(
      aRefusal('INVALID_REQUEST'),
    );
    await expect(freezing.freeze(OPERATOR, 'gone', 'why')).rejects.toEqual(aRefusal('NOT_FOUND'));
    await freezing.freeze(OPERATOR, 'c', 'why');
    await expect(freezing.freeze(OPERATOR, 'c', 'why')).rejects.toEqual(aRefusal('STATE_CONFLICT'));
    expect(events.all).toHaveLength(1);
  });

  it('P8: who only reads may do neither', async () => {
    await expect(freezing.freeze(READER, 'c', 'why')).rejects.toEqual(aRefusal('ACCESS_DENIED'));
    await expect(freezing.thaw(READER, 'c', '', false)).rejects.toEqual(aRefusal('ACCESS_DENIED'));
    expect(world.database.client('c').freeze).toBeUndefined();
  });
});

describe('how rotating goes', () => {
  const figures: ClientFigures = {
    clientId: 'c',
    available: 3,
    sinceRefillMs: 2,
    openAttempts: 1,
    dueCount: 7,
    unservedCount: 0,
    byState: { ACTIVE: 9 },
  };
  const statuses = (all: ClientFigures[]): ClientStatuses =>
    new ClientStatuses(
      { clientFigures: async (id) => all.filter(({ clientId }) => !id || clientId === id) },
      directory,
      { view: () => ({ state: 'closed', failures: 0 }) },
      'replica-7',
    );

  it('is told with the breaker of the replica that answers, and with what the budget has gained', async () => {
    expect(await statuses([figures]).get(READER, 'c')).toMatchObject({
      client: { id: 'c' },
      replica: 'replica-7',
      breaker: { state: 'closed' },
      available: 5,
      figures: { dueCount: 7 },
    });
  });

  it('is listed in order, and what is gone is not found', async () => {
    world.clients.set('b', { ...world.database.client('c'), id: 'b' });
    const listed = await statuses([figures, { ...figures, clientId: 'b' }]).list(READER);
    expect(listed.map(({ client }) => client.id)).toEqual(['b', 'c']);
    await expect(statuses([]).get(READER, 'c')).rejects.toEqual(aRefusal('NOT_FOUND'));
    await expect(statuses([]).list(sampleWorkload('job'))).rejects.toEqual(aRefusal('ACCESS_DENIED'));
  });
});

describe('P11: what makes an OAuth client another one at its authorization server', () => {
  const endpoints = { authorizationEndpoint: 'https://as/a', tokenEndpoint: 'https://as/t' };

  it.each<[string, Partial<OAuthClient>, boolean]>([
    ['nothing', {}, false],
    ['the issuer', { issuer: 'https://other' }, true],
    ['the client_id', { clientId: 'other' }, true],
    ['the authentication method', { authMethod: 'client_secret_post' }, true],
    ['the secret', { clientSecret: 'sealed anew' as Sealed }, true],
    ['the endpoints', { endpoints }, true],
    ['its scopes', { scopes: ['x'] }, false],
    ['its budget', { ratePerSecond: 1, maxConcurrent: 1 }, false],
    ['when it rotates', { rotateAt: 0.7 }, false],
  ])('%s', (_what, change, expected) => {
    const before = world.database.client('c');
    expect(isAnotherClient(before, { ...before, ...change })).toBe(expected);
  });
});
