import { aRefusal } from '../../../../test/harness/fakes/index.js';
import { AccessPolicy, hasRole, type AccessRule, type Role, type Workload } from './access.js';
import { requireRole } from './require-role.js';

const workload = (id: string, identities: string[] = [`cn:${id}`], roles: Role[] = []): Workload => ({
  id,
  identities,
  roles,
  createdAt: 0,
});

const rule = (workloadId: string, connectionPattern: string): AccessRule => ({
  id: `${workloadId}-${connectionPattern.length}`,
  workloadId,
  connectionPattern,
  createdAt: 0,
});

const U1 = { clientId: 'c', connectionId: 'u1' };

describe('P8: who', () => {
  const job = workload('job', ['spiffe://prod/job', 'dns:job.internal']);
  const policy = new AccessPolicy([job, workload('other')], []);

  it('is the workload that one of the identities is registered for', () => {
    expect(policy.authenticate(['cn:unknown', 'dns:job.internal'])).toBe(job);
    expect(policy.authenticate(['spiffe://prod/job'])).toBe(job);
  });

  it.each([
    [[]],
    [['cn:unknown']],
    [['spiffe://prod/job/']],
    [['SPIFFE://prod/job']],
    [['job.internal']],
    [['']],
  ])('is nobody for %j', (identities) => {
    expect(policy.authenticate(identities)).toBeUndefined();
  });
});

describe('P8: may', () => {
  it('nothing without a rule', () => {
    expect(AccessPolicy.DENY_ALL.mayGetTokens(workload('job'), U1)).toBe(false);
    expect(AccessPolicy.DENY_ALL.authenticate(['cn:job'])).toBeUndefined();
    const policy = new AccessPolicy(
      [workload('job'), workload('other')],
      [rule('other', 'clients/*/connections/*')],
    );
    expect(policy.mayGetTokens(workload('job'), U1)).toBe(false);
  });

  it('no role is a right to tokens', () => {
    const admin = workload('admin', ['cn:admin'], ['ADMIN']);
    expect(new AccessPolicy([admin], []).mayGetTokens(admin, U1)).toBe(false);
  });

  it('what any of its rules allows, and says the same when asked again', () => {
    const rules = [rule('job', 'clients/c/connections/team-*'), rule('job', 'clients/d/connections/u1')];
    const policy = new AccessPolicy([workload('job')], rules);
    for (let i = 0; i < 2; i += 1) {
      expect(policy.mayGetTokens(workload('job'), { clientId: 'c', connectionId: 'team-a' })).toBe(true);
      expect(policy.mayGetTokens(workload('job'), { clientId: 'd', connectionId: 'u1' })).toBe(true);
      expect(policy.mayGetTokens(workload('job'), U1)).toBe(false);
    }
  });

  it('decisions remembered for one workload are not another’s', () => {
    const policy = new AccessPolicy([workload('a'), workload('b')], [rule('a', 'clients/c/connections/*')]);
    expect(policy.mayGetTokens(workload('a'), U1)).toBe(true);
    expect(policy.mayGetTokens(workload('b'), U1)).toBe(false);
  });
});

describe('roles', () => {
  it.each<[Role, Role, boolean]>([
    ['READER', 'READER', true],
    ['READER', 'OPERATOR', false],
    ['READER', 'ADMIN', false],
    ['OPERATOR', 'READER', true],
    ['OPERATOR', 'OPERATOR', true],
    ['OPERATOR', 'ADMIN', false],
    ['ADMIN', 'READER', true],
    ['ADMIN', 'OPERATOR', true],
    ['ADMIN', 'ADMIN', true],
  ])('%s may what %s may: %s', (held, wanted, expected) => {
    const caller = workload('w', [], [held]);
    expect(hasRole(caller, wanted)).toBe(expected);
    const require = (): void => requireRole(caller, wanted);
    if (expected) expect(require).not.toThrow();
    else expect(require).toThrow(aRefusal('ACCESS_DENIED'));
  });

  it('nobody has one without being given it', () => {
    expect(hasRole(workload('w'), 'READER')).toBe(false);
  });
});
