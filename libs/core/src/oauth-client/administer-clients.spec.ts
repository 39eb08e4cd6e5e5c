import {
  aRefusal,
  CollectedEvents,
  FakeSealer,
  sampleProfile,
  sampleWorkload,
} from '../../../../test/harness/fakes/index.js';
import type { Workload } from '../access/access.js';
import { Directory } from '../access/directory.js';
import { BrokerError } from '../errors.js';
import { sealingContext } from '../sealer.js';
import { Secret } from '../secret.js';
import {
  ClientAdministration,
  type ClientFields,
  type ClientRow,
  type ClientStore,
  type IssuerRules,
} from './administer-clients.js';
import type { OAuthClient } from './oauth-client.js';
import type { ProfileCatalog } from './profile.js';

class FakeClientStore implements ClientStore {
  readonly clients = new Map<string, OAuthClient>();
  /** Of each change, whether it needs a canary. */
  readonly canaries: boolean[] = [];
  version = 1;

  async createClient(row: ClientRow): Promise<OAuthClient> {
    if (this.clients.has(row.id)) throw BrokerError.of('ALREADY_EXISTS', 'It exists already.');
    return this.put(row, 1);
  }

  async replaceClient(row: ClientRow, _from: number, needsCanary: boolean): Promise<OAuthClient | undefined> {
    this.canaries.push(needsCanary);
    const present = this.clients.get(row.id);
    return present && this.put(row, present.revision + 1);
  }

  async deleteClient(id: string): Promise<boolean> {
    this.version += 1;
    return this.clients.delete(id);
  }

  private put(row: ClientRow, revision: number): OAuthClient {
    const client = { ...row, revision, createdAt: 0, updatedAt: 0 };
    this.clients.set(row.id, client);
    this.version += 1;
    return client;
  }
}

const RULES: IssuerRules = {
  checkUrl: (url, field) => {
    if (!url.startsWith('https:')) throw BrokerError.of('INVALID_REQUEST', `${field} has to be https.`);
  },
};

const PROFILES: ProfileCatalog = {
  presets: ['strict', 'indicium'].map(sampleProfile),
  profileOf: (name, settings) => ({ ...sampleProfile(name), ...settings }),
  mistakesIn: ({ graceWindowMs = 0 }) => (graceWindowMs < 0 ? ['grace_window is negative.'] : []),
};

const ADMIN = sampleWorkload('root', 'ADMIN');
const FIELDS: ClientFields = {
  issuer: 'https://as.example/indicium',
  clientId: 'broker',
  scopes: ['a'],
  profile: 'strict',
  rotateAt: 0.5,
  defaultTokenTtlMs: 300_000,
  ratePerSecond: 50,
  maxConcurrent: 16,
};
let store: FakeClientStore;
let sealer: FakeSealer;
let events: CollectedEvents;
let admin: ClientAdministration;

beforeEach(() => {
  store = new FakeClientStore();
  sealer = new FakeSealer();
  events = new CollectedEvents();
  const directory = new Directory(
    {
      version: async () => store.version,
      load: async () => ({
        version: store.version,
        clients: [...store.clients.values()],
        workloads: [],
        rules: [],
      }),
    },
    [],
    events,
  );
  admin = new ClientAdministration(store, directory, sealer, RULES, events, PROFILES);
});

const secretOf = async ({ clientSecret, uid }: OAuthClient): Promise<string | undefined> =>
  clientSecret && (await sealer.open(clientSecret, sealingContext.clientSecret(uid))).reveal();

describe('an OAuth client', () => {
  it('is public without a secret, and confidential with one, which is sealed for its place (P9)', async () => {
    expect(await admin.create(ADMIN, 'public', FIELDS)).toMatchObject({ authMethod: 'none' });
    const created = await admin.create(ADMIN, 'c', { ...FIELDS, clientSecret: new Secret('hush') });
    expect(created).toMatchObject({ authMethod: 'client_secret_basic' });
    expect(JSON.stringify(created)).not.toContain('hush');
    expect(await secretOf(created)).toBe('hush');
  });

  it('P12: keeps its secret when something else changes, and takes a new one', async () => {
    await admin.create(ADMIN, 'c', { ...FIELDS, clientSecret: new Secret('old') });
    const kept = await admin.update(ADMIN, 'c', () => ({ ...FIELDS, scopes: ['b'] }));
    expect(kept).toMatchObject({ scopes: ['b'], revision: 2 });
    expect(await secretOf(kept)).toBe('old');
    const renewed = await admin.update(ADMIN, 'c', () => ({ ...FIELDS, clientSecret: new Secret('new') }));
    expect(await secretOf(renewed)).toBe('new');
  });

  it('P11: has to prove itself after a new secret, and not after new scopes', async () => {
    await admin.create(ADMIN, 'c', { ...FIELDS, clientSecret: new Secret('old') });
    await admin.update(ADMIN, 'c', () => ({ ...FIELDS, scopes: ['b'], ratePerSecond: 5 }));
    await admin.update(ADMIN, 'c', () => ({ ...FIELDS, clientSecret: new Secret('new') }));
    expect(store.canaries).toEqual([false, true]);
  });

  it('forgets its secret when it becomes public', async () => {
    await admin.create(ADMIN, 'c', { ...FIELDS, clientSecret: new Secret('old') });
    const updated = await admin.update(ADMIN, 'c', () => ({ ...FIELDS, authMethod: 'none' }));
    expect(updated).not.toHaveProperty('clientSecret');
  });

  it('keeps settings of its own over those of its profile, until they are taken back', async () => {
    const created = await admin.create(ADMIN, 'c', { ...FIELDS, profileSettings: { graceWindowMs: 30_000 } });
    expect(created.profileSettings).toEqual({ graceWindowMs: 30_000 });
    expect(admin.effectiveProfile(created)).toMatchObject({ name: 'strict', graceWindowMs: 30_000 });
    const updated = await admin.update(ADMIN, 'c', () => ({ ...FIELDS, profileSettings: {} }));
    expect(updated).not.toHaveProperty('profileSettings');
  });

  it('is known as soon as it is created, is listed in order, and each change is told of', async () => {
    for (const id of ['b', 'a']) await admin.create(ADMIN, id, FIELDS);
    expect((await admin.list(ADMIN)).map(({ id }) => id)).toEqual(['a', 'b']);
    expect(await admin.get(ADMIN, 'a')).toMatchObject({ id: 'a' });
    await admin.delete(ADMIN, 'a');
    await expect(admin.get(ADMIN, 'a')).rejects.toEqual(aRefusal('NOT_FOUND'));
    await expect(admin.delete(ADMIN, 'a')).rejects.toEqual(aRefusal('NOT_FOUND'));
    await expect(admin.update(ADMIN, 'a', () => FIELDS)).rejects.toEqual(aRefusal('NOT_FOUND'));
    expect(events.ofType('admin.changed').map(({ what }) => what)).toEqual(['created', 'created', 'deleted']);
  });
});

describe('what makes no sense is refused', () => {
  it.each<[string, Partial<ClientFields>, RegExp]>([
    ['the issuer', { issuer: 'http://as.example' }, /^issuer/],
    [
      'an endpoint',
      { endpoints: { authorizationEndpoint: 'https://x', tokenEndpoint: 'ftp://x' } },
      /^tokenEndpoint/,
    ],
    ['the scopes', { scopes: ['a b'] }, /scope/],
    ['no client_id', { clientId: '' }, /client_id/],
    ['an odd client_id', { clientId: 'a\nb' }, /client_id/],
    ['a secret that is missing', { authMethod: 'client_secret_post' }, /needs a client_secret/],
    ['a secret too many', { authMethod: 'none', clientSecret: new Secret('x') }, /public clients/],
    ['rotate_at', { rotateAt: 0.95 }, /rotate_at/],
    ['rotate_at that is no number', { rotateAt: Number.NaN }, /rotate_at/],
    ['default_token_ttl', { defaultTokenTtlMs: 999 }, /default_token_ttl/],
    ['no rate at all', { ratePerSecond: 0 }, /rate_per_second/],
    ['a rate that is no number', { ratePerSecond: Number.NaN }, /rate_per_second/],
    ['no concurrency at all', { maxConcurrent: 0 }, /max_concurrent/],
    ['half a rotation', { maxConcurrent: 1.5 }, /max_concurrent/],
    ['the profile', { profile: 'toString' }, /profile is one of: strict, indicium/],
    ['refresh_token_idle_ttl', { refreshTokenIdleTtlMs: 999 }, /refresh_token_idle_ttl/],
    ['authorization_ttl', { authorizationTtlMs: 1 }, /authorization_ttl/],
    ['its own settings', { profileSettings: { graceWindowMs: -1 } }, /grace_window is negative/],
  ])('%s', async (_what, change, says) => {
    await expect(admin.create(ADMIN, 'c', { ...FIELDS, ...change })).rejects.toEqual(
      aRefusal('INVALID_REQUEST', says),
    );
    expect(store.clients.size).toBe(0);
  });

  it('all mistakes are told at once, and no secret with them', async () => {
    const mistakes = {
      issuer: 'x',
      scopes: [''],
      clientId: '',
      rotateAt: 2,
      profile: 'x',
      authMethod: 'none',
      profileSettings: { graceWindowMs: -1 },
    } as const;
    const given = { ...FIELDS, ...mistakes, clientSecret: new Secret('hush') };
    const refused = admin.create(ADMIN, 'c', given);
    await expect(refused).rejects.toEqual(
      aRefusal(
        'INVALID_REQUEST',
        /issuer.*scope.*client_id.*public clients.*rotate_at.*profile.*grace_window/,
      ),
    );
    await expect(refused).rejects.not.toThrow(/hush/);
  });

  it('an odd id', async () => {
    await expect(admin.create(ADMIN, 'a/b', FIELDS)).rejects.toEqual(aRefusal('INVALID_REQUEST'));
  });
});

describe('P8: roles', () => {
  const denied = aRefusal('ACCESS_DENIED');

  it.each<[string, (caller: Workload) => Promise<unknown>]>([
    ['create', (caller) => admin.create(caller, 'c', FIELDS)],
    ['update', (caller) => admin.update(caller, 'c', () => FIELDS)],
    ['delete', (caller) => admin.delete(caller, 'c')],
  ])('%s is for administrators', async (_name, change) => {
    for (const caller of [sampleWorkload('x'), sampleWorkload('x', 'OPERATOR')]) {
      await expect(change(caller)).rejects.toEqual(denied);
    }
  });

  it('looking is for readers', async () => {
    await expect(admin.list(sampleWorkload('x'))).rejects.toEqual(denied);
    await expect(admin.get(sampleWorkload('x'), 'c')).rejects.toEqual(denied);
    await expect(admin.listProfiles(sampleWorkload('x'))).rejects.toEqual(denied);
    expect(await admin.list(sampleWorkload('x', 'READER'))).toEqual([]);
    expect((await admin.listProfiles(sampleWorkload('x', 'READER'))).map(({ name }) => name)).toEqual([
      'strict',
      'indicium',
    ]);
  });
});
