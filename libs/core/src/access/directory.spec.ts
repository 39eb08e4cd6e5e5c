import { CollectedEvents, sampleClient, sampleWorkload } from '../../../../test/harness/fakes/index.js';
import { StoreUnavailableError } from '../errors.js';
import { Directory, type DirectorySnapshot, type DirectoryStore } from './directory.js';

class FakeDirectoryStore implements DirectoryStore {
  snapshot: DirectorySnapshot = { version: 1, clients: [], workloads: [], rules: [] };
  failure: Error | undefined;
  loads = 0;

  async version(): Promise<number> {
    if (this.failure) throw this.failure;
    return this.snapshot.version;
  }

  async load(): Promise<DirectorySnapshot> {
    this.loads += 1;
    return this.snapshot;
  }

  change(change: Partial<DirectorySnapshot>): void {
    this.snapshot = { ...this.snapshot, ...change, version: this.snapshot.version + 1 };
  }
}

const RULE = { id: 'r', workloadId: 'job', connectionPattern: 'clients/c/connections/*', createdAt: 0 };
const U1 = { clientId: 'c', connectionId: 'u1' };
let store: FakeDirectoryStore;
let events: CollectedEvents;
let directory: Directory;

beforeEach(() => {
  store = new FakeDirectoryStore();
  events = new CollectedEvents();
  directory = new Directory(store, ['cn:root'], events);
});

describe('the directory', () => {
  it('P8: knows nobody before it was read', () => {
    expect(directory.policy.authenticate(['cn:root'])).toBeUndefined();
  });

  it('knows the configured administrator from the first start on', async () => {
    await directory.refresh();
    expect(directory.policy.authenticate(['cn:root'])).toMatchObject({
      id: 'administrator',
      roles: ['ADMIN'],
    });
  });

  it('nobody takes the administrator’s identity over', async () => {
    store.change({ workloads: [{ ...sampleWorkload('eve'), identities: ['cn:root'] }] });
    await directory.refresh();
    expect(directory.policy.authenticate(['cn:root'])?.id).toBe('administrator');
  });

  it('P12: follows changes, and is read only where there are some', async () => {
    store.change({ workloads: [sampleWorkload('job')], rules: [RULE], clients: [sampleClient()] });
    await directory.refresh();
    await directory.refresh();
    expect(store.loads).toBe(1);
    expect(directory.policy.mayGetTokens(sampleWorkload('job'), U1)).toBe(true);
    store.change({ rules: [] });
    await directory.refresh();
    expect(directory.policy.mayGetTokens(sampleWorkload('job'), U1)).toBe(false);
  });

  it('P6: what is known stays while the database is away', async () => {
    store.change({ clients: [sampleClient()] });
    await directory.refresh();
    store.failure = new StoreUnavailableError('scripted');
    await directory.tryRefresh();
    expect(await directory.client('c')).toEqual(sampleClient());
    expect(directory.policy.authenticate(['cn:root'])).toBeDefined();
    expect(events.all).toEqual([]);
    await expect(directory.refresh()).rejects.toBe(store.failure);
  });

  it('tells of a fault, which is no outage', async () => {
    store.failure = new TypeError('scripted');
    await directory.tryRefresh();
    expect(events.ofType('fault')).toMatchObject([{ during: 'directory refresh' }]);
  });

  it('looks once more for an OAuth client that it does not know', async () => {
    await directory.refresh();
    store.change({ clients: [sampleClient()] });
    expect(directory.all()).toEqual([]);
    expect(await directory.client('c')).toEqual(sampleClient());
    expect(await directory.client('nope')).toBeUndefined();
  });

  it('is read once for all that ask at the same time', async () => {
    await Promise.all(Array.from({ length: 20 }, () => directory.refresh()));
    expect(store.loads).toBe(1);
  });
});
