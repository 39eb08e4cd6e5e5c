import { sampleConnection } from '../../../../test/harness/fakes/index.js';
import type { GrantType } from '../connection/connection.js';
import { changeAfterDisappearance, changeAfterFailure, type Failure } from './judge.js';
import type { FailureChange } from './ports.js';
import { STRICTEST, type RotationProfile } from './rotation-profile.js';

type State = 'ACTIVE' | 'IN_DOUBT';
const NOW = 1_900_000_000_000;
const half = (): number => 0.5;
const ENDED = { attemptId: 'attempt-1', profile: STRICTEST, sentAt: NOW };

const judge = (
  kind: Failure['kind'],
  grantType: GrantType,
  state: State,
  profile: RotationProfile = STRICTEST,
): FailureChange =>
  changeAfterFailure(
    sampleConnection({
      grantType,
      state,
      failureCount: 3,
      lastError: { code: 'timeout', description: 'earlier', at: 0 },
    }),
    { kind, code: 'some_code', description: 'some words' },
    NOW,
    half,
    { ...ENDED, profile },
  );

describe('P1, P4, P7: what a failure does', () => {
  it.each<[Failure['kind'], GrantType, State, FailureChange['kind']]>([
    ['notSent', 'refresh_token', 'ACTIVE', 'released'],
    ['notSent', 'refresh_token', 'IN_DOUBT', 'released'],
    ['notSent', 'client_credentials', 'ACTIVE', 'released'],
    ['notSent', 'client_credentials', 'IN_DOUBT', 'released'],
    ['refused', 'refresh_token', 'ACTIVE', 'released'],
    ['refused', 'refresh_token', 'IN_DOUBT', 'released'],
    ['refused', 'client_credentials', 'ACTIVE', 'released'],
    ['refused', 'client_credentials', 'IN_DOUBT', 'released'],
    ['final', 'refresh_token', 'ACTIVE', 'denied'],
    ['final', 'refresh_token', 'IN_DOUBT', 'denied'],
    ['final', 'client_credentials', 'ACTIVE', 'released'],
    ['final', 'client_credentials', 'IN_DOUBT', 'released'],
    ['unanswered', 'refresh_token', 'ACTIVE', 'doubted'],
    ['unanswered', 'refresh_token', 'IN_DOUBT', 'denied'],
    ['unanswered', 'client_credentials', 'ACTIVE', 'released'],
    ['unanswered', 'client_credentials', 'IN_DOUBT', 'released'],
    ['doubtful', 'refresh_token', 'ACTIVE', 'doubted'],
    ['doubtful', 'refresh_token', 'IN_DOUBT', 'denied'],
    ['doubtful', 'client_credentials', 'ACTIVE', 'released'],
    ['doubtful', 'client_credentials', 'IN_DOUBT', 'released'],
  ])('%s of %s while %s: %s', (kind, grantType, state, expected) => {
    expect(judge(kind, grantType, state).kind).toBe(expected);
  });

  it('P7: nothing transient ends an active connection', () => {
    for (const kind of ['notSent', 'refused', 'unanswered', 'doubtful'] as const) {
      for (const grantType of ['refresh_token', 'client_credentials'] as const) {
        expect(judge(kind, grantType, 'ACTIVE').kind).not.toBe('denied');
      }
    }
  });

  it('a release counts the failure, and says when to try again', () => {
    expect(judge('notSent', 'refresh_token', 'ACTIVE')).toEqual({
      kind: 'released',
      lastError: { code: 'some_code', description: 'some words', at: NOW },
      failureCount: 4,
      notBefore: NOW + 4_000,
    });
  });

  it('P11: a refusal honours Retry-After', () => {
    const refused = {
      kind: 'refused',
      code: 'too_many_requests',
      description: '',
      retryAfterMs: 90_000,
    } as const;
    expect(changeAfterFailure(sampleConnection(), refused, NOW, half, ENDED)).toMatchObject({
      notBefore: NOW + 90_000,
    });
  });

  it('the denial of a probe keeps the server’s word and says what the doubt began with', () => {
    expect(judge('final', 'refresh_token', 'IN_DOUBT')).toMatchObject({
      lastError: {
        code: 'some_code',
        description: expect.stringMatching(/^some words .*began with timeout/),
      },
    });
    expect(judge('final', 'refresh_token', 'ACTIVE')).toMatchObject({
      lastError: { description: 'some words' },
    });
  });

  it('a probe without an answer is called what it is', () => {
    expect(judge('unanswered', 'refresh_token', 'IN_DOUBT')).toMatchObject({
      lastError: {
        code: 'in_doubt_unresolved',
        description: expect.stringContaining('some_code: some words'),
      },
    });
  });

  it('the denial of a probe says whether the server ends the lineage with the reuse', () => {
    const words = (reuse: RotationProfile['reuse']): string => {
      const change = judge('final', 'refresh_token', 'IN_DOUBT', { ...STRICTEST, reuse });
      return change.kind === 'denied' ? change.lastError.description : '';
    };
    expect(words('revokes')).toContain('with the reuse the server has ended the authorization');
    expect(words('refused')).not.toContain('with the reuse');
  });

  it.each<[Failure['kind'], State]>([
    ['unanswered', 'ACTIVE'],
    ['unanswered', 'IN_DOUBT'],
    ['doubtful', 'ACTIVE'],
    ['doubtful', 'IN_DOUBT'],
  ])(
    'where refresh tokens are not single-use, %s while %s is tried again: nothing is lost',
    (kind, state) => {
      const profile: RotationProfile = { ...STRICTEST, reuse: 'accepted' };
      expect(judge(kind, 'refresh_token', state, profile).kind).toBe('released');
      expect(judge('final', 'refresh_token', state, profile).kind).toBe('denied');
    },
  );

  it('a grace window counts from the claim of a replica that is gone', () => {
    const profile: RotationProfile = { ...STRICTEST, graceWindowMs: 60_000 };
    const at = (startedAt: number): FailureChange => {
      const attempt = { id: 'x', generation: 1, replica: 'r', startedAt, deadlineAt: 0 };
      const connection = sampleConnection({ attempt, expiresAt: NOW + 3_600_000, tokenTtlMs: 3_600_000 });
      return changeAfterDisappearance(connection, NOW, half, profile);
    };
    expect(at(NOW - 40_000)).toMatchObject({ kind: 'doubted', probeAt: NOW });
    expect(at(NOW - 60_000)).toMatchObject({ kind: 'doubted', probeAt: NOW + 3_540_000 });
  });

  it('a denial says what had ended before, and when', () => {
    const words = (fields: object): string => {
      const final = { kind: 'final', code: 'invalid_grant', description: 'No.' } as const;
      const change = changeAfterFailure(sampleConnection(fields), final, NOW, half, ENDED);
      return change.kind === 'denied' ? change.lastError.description : '';
    };
    const at = new Date(NOW - 1).toISOString();
    expect(words({ refreshExpiresAt: NOW - 1 })).toBe(`No. (the refresh token had expired unused at ${at})`);
    expect(words({ authorizationExpiresAt: NOW - 1, refreshExpiresAt: NOW - 1 })).toBe(
      `No. (the authorization had ended at ${at})`,
    );
    expect(words({ authorizationExpiresAt: NOW + 1, refreshExpiresAt: NOW + 1 })).toBe('No.');
    expect(words({ state: 'IN_DOUBT', refreshExpiresAt: NOW - 1 })).toMatch(/probe.*had expired unused/);
  });

  it('what is said late of the very attempt that is in doubt is no failed probe', () => {
    const connection = sampleConnection({
      state: 'IN_DOUBT',
      doubt: { attemptId: ENDED.attemptId, spoolId: 'spool-1', at: NOW },
    });
    const gone = { kind: 'unanswered', code: 'replica_ended', description: '' } as const;
    const change = changeAfterFailure(connection, gone, NOW, half, ENDED);
    expect(change.kind).toBe('doubted');
    expect(change).not.toHaveProperty('askSpool');
    const probe = { ...ENDED, attemptId: 'the probe' };
    expect(changeAfterFailure(connection, gone, NOW, half, probe).kind).toBe('denied');
  });

  it('P4: an attempt whose replica is gone is in doubt, and names it and the spool to ask', () => {
    const base = { id: 'x', generation: 1, replica: 'replica-7', startedAt: 0, deadlineAt: 0 };
    const attempt = { ...base, spoolId: 'spool-7' };
    expect(changeAfterDisappearance(sampleConnection({ attempt }), NOW, half, STRICTEST)).toMatchObject({
      kind: 'doubted',
      askSpool: 'spool-7',
      probeAt: NOW + 15_000,
      lastError: { code: 'replica_gone', description: expect.stringContaining('replica-7') },
    });
  });
});
