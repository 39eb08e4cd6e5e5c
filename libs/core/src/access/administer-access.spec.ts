import { aRefusal, CollectedEvents, sampleWorkload } from '../../../../test/harness/fakes/index.js';
import type { AccessRule, Role, Workload } from './access.js';
import { AccessAdministration, type AccessStore } from './administer-access.js';
import { Directory } from './directory.js';

class FakeAccessStore implements AccessStore {
  readonly workloads = new Map<string, Workload>();
  readonly rules = new Map<string, AccessRule>();

  async createWorkload(workload: Omit<Workload, 'createdAt'>): Promise<Workload> {
    const created = { ...workload, createdAt: 0 };
    this.workloads.set(created.id, created);
    return created;
  }

  async listWorkloads(): Promise<Workload[]> {
    return [...this.workloads.values()];
  }

  async deleteWorkload(id: string): Promise<boolean> {
    return this.workloads.delete(id);
  }

  async createAccessRule(rule: Omit<AccessRule, 'createdAt'>): Promise<AccessRule> {
    const created = { ...rule, createdAt: 0 };
    this.rules.set(created.id, created);
    return created;
  }

  async listAccessRules(): Promise<AccessRule[]> {
    return [...this.rules.values()];
  }

  async deleteAccessRule(id: string): Promise<boolean> {
    return this.rules.delete(id);
  }
}

const ADMIN = sampleWorkload('root', 'ADMIN');
const RULE = { id: 'r', workloadId: 'job', connectionPattern: 'clients/c/connections/*' };
let store: FakeAccessStore;
let events: CollectedEvents;
let admin: AccessAdministration;

beforeEach(() => {
  store = new FakeAccessStore();
  events = new CollectedEvents();
  const snapshot = { version: 1, clients: [], workloads: [], rules: [] };
  const directory = new Directory({ version: async () => 1, load: async () => snapshot }, [], events);
  admin = new AccessAdministration(store, directory, events);
});

const create = (id: string, identities: string[], roles: Role[] = []): Promise<Workload> =>
  admin.createWorkload(ADMIN, id, { identities, roles });

describe('P8: changes are for administrators', () => {
  const changes: Array<[string, (caller: Workload) => Promise<unknown>]> = [
    ['createWorkload', (caller) => admin.createWorkload(caller, 'w', { identities: ['cn:w'], roles: [] })],
    ['deleteWorkload', (caller) => admin.deleteWorkload(caller, 'w')],
    ['createAccessRule', (caller) => admin.createAccessRule(caller, RULE)],
    ['deleteAccessRule', (caller) => admin.deleteAccessRule(caller, 'r')],
  ];

  it.each(changes)('%s', async (_name, change) => {
    for (const caller of [
      sampleWorkload('x'),
      sampleWorkload('x', 'READER'),
      sampleWorkload('x', 'OPERATOR'),
    ]) {
      await expect(change(caller)).rejects.toEqual(aRefusal('ACCESS_DENIED'));
    }
    expect([store.workloads.size, store.rules.size]).toEqual([0, 0]);
    expect(events.all).toEqual([]);
  });

  it('and looking is for readers', async () => {
    await create('w', ['cn:w']);
    const reader = sampleWorkload('auditor', 'READER');
    expect(await admin.listWorkloads(reader)).toHaveLength(1);
    expect(await admin.listAccessRules(reader)).toHaveLength(0);
    await expect(admin.listWorkloads(sampleWorkload('x'))).rejects.toEqual(aRefusal('ACCESS_DENIED'));
    await expect(admin.listAccessRules(sampleWorkload('x'))).rejects.toEqual(aRefusal('ACCESS_DENIED'));
  });
});

describe('a workload', () => {
  it.each([
    [['spiffe://prod.example/ns/default/sa/job']],
    [['dns:job.internal']],
    [['cn:the job']],
    [['cn:job', 'dns:job.internal']],
  ])('may be known by %j', async (identities) => {
    expect(await create('job', identities)).toMatchObject({ identities });
    expect(events.ofType('admin.changed')).toMatchObject([
      { by: 'root', what: 'created', resource: 'workloads/job' },
    ]);
  });

  it.each([
    [[]],
    [['job']],
    [['spiffe://prod']],
    [['spiffe:///job']],
    [['dns:']],
    [['dns:a b']],
    [['cn:']],
    [['cn:ü']],
    [['cn:a\nb']],
    [['CN:job']],
    [['cn:job', 'uri:job']],
    [[`cn:${'x'.repeat(300)}`]],
  ])('may not be known by %j', async (identities) => {
    await expect(create('job', identities)).rejects.toEqual(aRefusal('INVALID_REQUEST', /identities/));
    expect(store.workloads.size).toBe(0);
  });

  it.each(['', 'a/b', 'administrator'])('may not be called %j', async (id) => {
    await expect(create(id, ['cn:x'])).rejects.toEqual(aRefusal('INVALID_REQUEST'));
  });

  it('that does not exist cannot be deleted', async () => {
    await create('job', ['cn:job']);
    await admin.deleteWorkload(ADMIN, 'job');
    await expect(admin.deleteWorkload(ADMIN, 'job')).rejects.toEqual(aRefusal('NOT_FOUND'));
    expect(events.ofType('admin.changed').map(({ what }) => what)).toEqual(['created', 'deleted']);
  });
});

describe('an access rule', () => {
  it('comes and goes, and each is told of', async () => {
    await admin.createAccessRule(ADMIN, RULE);
    await admin.deleteAccessRule(ADMIN, 'r');
    await expect(admin.deleteAccessRule(ADMIN, 'r')).rejects.toEqual(aRefusal('NOT_FOUND'));
    expect(events.ofType('admin.changed').map(({ what }) => what)).toEqual(['created', 'deleted']);
  });

  it.each([
    ['an odd id', { ...RULE, id: 'a b' }],
    ['a pattern that matches nothing', { ...RULE, connectionPattern: 'clients/*' }],
  ])('is refused for %s', async (_what, rule) => {
    await expect(admin.createAccessRule(ADMIN, rule)).rejects.toEqual(aRefusal('INVALID_REQUEST'));
    expect(store.rules.size).toBe(0);
  });
});
