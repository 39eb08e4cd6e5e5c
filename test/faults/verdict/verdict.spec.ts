import { CONNECTION, Story } from './story.js';
import { judgeCampaign, type Verdict } from './verdict.js';

const EXCHANGE_TIMEOUT_MS = 1_500;
const ATTEMPT_DEADLINE_MS = 3_000;
const GRANTED = { result: 'granted', status: 200 } as const;
const LOST = { result: 'granted_answer_lost', status: null } as const;
const INVALID_GRANT = { result: 'refused', status: 400, error: 'invalid_grant' } as const;

let story: Story;

beforeEach(() => {
  story = new Story();
});

function verdict(): Verdict {
  return judgeCampaign(story.records, {
    exchangeTimeoutMs: EXCHANGE_TIMEOUT_MS,
    attemptDeadlineMs: ATTEMPT_DEADLINE_MS,
  });
}

/** A first try whose answer was lost by a fault: the connection comes into doubt. */
function doubt(by: 'fault' | 'nothing' = 'fault'): void {
  story.presents({ token: 'token 1', outcome: LOST });
  if (by === 'fault') story.hit({ kind: 'lose_answer', replica: 'broker-1', fingerprint: 'token 1' });
  story.endsAs({ state: 'IN_DOUBT', errorCode: 'timeout' });
}

const CLEAN = { doubleSpends: [], silentLosses: [], unexplained: [] };

describe('P1: a generation is presented once', () => {
  it('a rotation after the other is clean', () => {
    story.presents({ token: 'token 1', outcome: GRANTED }).issued('token 2', 'chain 1', 'token 1');
    story.endsAs({ generation: 2 }).presents({ token: 'token 2', outcome: GRANTED });
    expect(verdict()).toMatchObject({ ...CLEAN, inDoubt: 0, probes: 0, reauthorizations: 0 });
  });

  it('twice without a doubt is a double spend', () => {
    story.presents({ token: 'token 1', outcome: GRANTED }).endsAs({});
    story.presents({ token: 'token 1', replica: 'broker-2', outcome: INVALID_GRANT });
    expect(verdict().doubleSpends).toMatchObject([
      { connection: CONNECTION, what: expect.stringContaining('not in doubt') },
    ]);
  });

  it('is a double spend also where the server never answered the first time', () => {
    story.presents({ token: 'token 1', outcome: { result: 'not_processed', status: null, fault: 'hang' } });
    story.endsAs({}).presents({ token: 'token 1', outcome: GRANTED });
    expect(verdict().doubleSpends).toHaveLength(1);
  });

  it('the probe of a connection in doubt is excused, once', () => {
    doubt();
    story.presents({ token: 'token 1', inDoubt: true, outcome: INVALID_GRANT }).chainEnded();
    story.endsAs({ state: 'REAUTHORIZATION_REQUIRED', errorCode: 'invalid_grant' });
    expect(verdict()).toMatchObject({ ...CLEAN, inDoubt: 1, probes: 1, reauthorizations: 1 });
  });

  it('a second probe is a double spend', () => {
    doubt();
    story.presents({ token: 'token 1', inDoubt: true, outcome: LOST }).endsAs({});
    story.presents({ token: 'token 1', inDoubt: true, outcome: INVALID_GRANT });
    expect(verdict().doubleSpends).toMatchObject([{ what: expect.stringContaining('probed twice') }]);
  });

  it('a probe that was told to come again may come again', () => {
    doubt();
    story.presents({ token: 'token 1', inDoubt: true, outcome: { result: 'not_processed', status: 429 } });
    story.endsAs({}).presents({ token: 'token 1', inDoubt: true, outcome: INVALID_GRANT });
    expect(verdict().doubleSpends).toEqual([]);
  });

  it('whoever only says that it is a probe is not believed: the database says what it was', () => {
    story.presents({ token: 'token 1', outcome: LOST }).endsAs({});
    story.presents({ token: 'token 1', inDoubt: true, outcome: INVALID_GRANT });
    expect(verdict().doubleSpends).toMatchObject([{ what: expect.stringContaining('not in doubt') }]);
  });

  it('an attempt that nobody committed is no excuse', () => {
    doubt();
    story.presents({ token: 'token 1', inDoubt: true, committed: false, outcome: INVALID_GRANT });
    expect(verdict().doubleSpends).toMatchObject([{ what: expect.stringContaining('nobody committed') }]);
  });

  it('a probe while the first exchange is under way is a double spend', () => {
    story.presents({ token: 'token 1', outcome: LOST, lastsMs: 60_000 });
    story.hit({ kind: 'own_hang', fingerprint: 'token 1' }).endsAs({ state: 'IN_DOUBT' });
    story.presents({ token: 'token 1', replica: 'broker-2', inDoubt: true, outcome: INVALID_GRANT });
    expect(verdict().doubleSpends).toMatchObject([{ what: expect.stringContaining('still under way') }]);
  });

  it('unless the first replica stood still, for longer than its lock lasts', () => {
    story.presents({ token: 'token 1', outcome: LOST, lastsMs: 60_000 });
    story.hit({ kind: 'stop_past_every_timeout', replica: 'broker-1', until: story.at + 40_000 });
    story.endsAs({ state: 'IN_DOUBT' });
    story.presents({ token: 'token 1', replica: 'broker-2', inDoubt: true, outcome: INVALID_GRANT });
    expect(verdict().doubleSpends).toEqual([]);
  });

  it('a first request that arrives after the probe is no third try', () => {
    story
      .presents({ token: 'token 1', held: true })
      .hit({ kind: 'path_silent', replica: 'broker-1', until: Infinity });
    story.endsAs({ state: 'IN_DOUBT', errorCode: 'timeout' });
    story.presents({ token: 'token 1', replica: 'broker-2', inDoubt: true, outcome: GRANTED });
    story.endsAs({ state: 'ACTIVE', generation: 2 });
    story.heldArrives(INVALID_GRANT).chainEnded();
    story.presents({ token: 'token 1, its successor', outcome: INVALID_GRANT });
    story.endsAs({ state: 'REAUTHORIZATION_REQUIRED', errorCode: 'invalid_grant' });
    expect(verdict()).toMatchObject(CLEAN);
  });

  it('but one that was sent after the probe is: its replica had slept, and woke up', () => {
    story.presents({ token: 'token 1', outcome: LOST }).hit({ kind: 'lose_answer', fingerprint: 'token 1' });
    story.endsAs({ state: 'IN_DOUBT', errorCode: 'timeout' });
    story.presents({ token: 'token 1', inDoubt: true, outcome: GRANTED }).endsAs({ state: 'ACTIVE' });
    story.presents({ token: 'token 1', held: true }).heldArrives(INVALID_GRANT);
    expect(verdict().doubleSpends).toHaveLength(1);
  });

  it.each([
    { result: 'not_processed', status: 429 },
    { result: 'not_processed', status: 503 },
    { result: 'refused', status: 401, error: 'invalid_client' },
  ] as const)('after $status it may be presented again', (outcome) => {
    story.presents({ token: 'token 1', outcome }).endsAs({});
    story.presents({ token: 'token 1', outcome: GRANTED });
    expect(verdict()).toMatchObject(CLEAN);
  });

  it('a server that gives no new token has said that the old one stays good', () => {
    story.presents({ token: 'token 1', outcome: { ...GRANTED, fault: 'omit_refresh_token' } });
    story.endsAs({ generation: 2 }).presents({ token: 'token 1', outcome: INVALID_GRANT }).chainEnded();
    story.endsAs({ state: 'REAUTHORIZATION_REQUIRED', errorCode: 'invalid_grant' });
    expect(verdict()).toMatchObject(CLEAN);
  });
});

describe('P4: nothing is lost silently', () => {
  it('a refusal of an active connection is a silent loss, and explains nothing', () => {
    story.presents({ token: 'token 1', outcome: INVALID_GRANT });
    story.endsAs({ state: 'REAUTHORIZATION_REQUIRED', errorCode: 'invalid_grant' });
    expect(verdict()).toMatchObject({ silentLosses: [{ connection: CONNECTION }], reauthorizations: 1 });
    expect(verdict().unexplained).toHaveLength(1);
  });

  it('a refusal that nobody heard is not', () => {
    story.presents({ token: 'token 1', outcome: { ...INVALID_GRANT, status: null } });
    expect(verdict().silentLosses).toEqual([]);
  });

  it('what a probe ended at the server, and a late answer hid for a while, is not', () => {
    doubt();
    story.presents({ token: 'token 1', inDoubt: true, outcome: INVALID_GRANT }).chainEnded();
    story.issued('token 2', 'chain 1', 'token 1').endsAs({ state: 'ACTIVE', generation: 2 });
    story.presents({ token: 'token 2', outcome: INVALID_GRANT });
    story.endsAs({ state: 'REAUTHORIZATION_REQUIRED', errorCode: 'invalid_grant' });
    expect(verdict()).toMatchObject(CLEAN);
  });

  it('nor where the next request is lost, and its probe refused', () => {
    doubt();
    story.presents({ token: 'token 1', inDoubt: true, outcome: INVALID_GRANT }).chainEnded();
    story.issued('token 2', 'chain 1', 'token 1').endsAs({ state: 'ACTIVE', generation: 2 });
    story.presents({ token: 'token 2' }).hit({ kind: 'cut_request', fingerprint: 'token 2' });
    story.endsAs({ state: 'IN_DOUBT', errorCode: 'connection_cut' });
    story.presents({ token: 'token 2', inDoubt: true, outcome: INVALID_GRANT });
    story.endsAs({ state: 'REAUTHORIZATION_REQUIRED', errorCode: 'invalid_grant' });
    expect(verdict()).toMatchObject(CLEAN);
  });

  it('but it is where the user had authorized anew: that token has been overwritten', () => {
    doubt();
    story.presents({ token: 'token 1', inDoubt: true, outcome: INVALID_GRANT }).chainEnded();
    story.endsAs({ state: 'REAUTHORIZATION_REQUIRED', errorCode: 'invalid_grant' });
    story.issued('token 2', 'chain 1', 'token 1').row({ state: 'ACTIVE', generation: 2, epoch: 2 });
    story.presents({ token: 'token 2', outcome: INVALID_GRANT });
    expect(verdict().silentLosses).toHaveLength(1);
  });

  it('a row that goes back to a generation it had left is one', () => {
    story.row({ generation: 5 }).row({ generation: 4 });
    expect(verdict().silentLosses).toMatchObject([{ what: 'went back from generation 5 to 4' }]);
  });

  it('so is an active connection whose last rotation is refused', () => {
    story.ends.push({ connection: CONNECTION, state: 'ACTIVE', lastRotation: 'refused', detail: 'x' });
    expect(verdict().silentLosses).toHaveLength(1);
  });

  it('and one that comes to no end is unexplained', () => {
    story.ends.push({ connection: CONNECTION, state: 'ACTIVE', lastRotation: 'failed', detail: 'x' });
    expect(verdict().unexplained).toHaveLength(1);
  });
});

describe('everything else has to be explained by a fault that hit it', () => {
  it('a doubt that nothing explains', () => {
    doubt('nothing');
    expect(verdict().unexplained).toMatchObject([{ what: expect.stringContaining('came into doubt') }]);
  });

  it('a fault of another replica explains nothing', () => {
    doubt('nothing');
    story.hit({ kind: 'kill', replica: 'broker-2', at: 0, until: Infinity });
    expect(verdict().unexplained).toHaveLength(1);
  });

  it('neither does a fault of another exchange', () => {
    story.hit({ kind: 'lose_answer', replica: 'broker-1', fingerprint: 'token 9', at: 0, until: Infinity });
    doubt('nothing');
    expect(verdict().unexplained).toHaveLength(1);
  });

  it('the end of the replica does', () => {
    story.presents({ token: 'token 1', outcome: LOST }).hit({ kind: 'kill', replica: 'broker-1' });
    story.endsAs({ state: 'IN_DOUBT', errorCode: 'replica_gone' });
    expect(verdict()).toMatchObject({ ...CLEAN, inDoubt: 1, slow: 0 });
  });

  it('an answer that took too long by itself does, and is told apart', () => {
    story.presents({ token: 'token 1', outcome: LOST, lastsMs: EXCHANGE_TIMEOUT_MS });
    const [exchange] = story.records.exchanges;
    exchange!.answeredAt = exchange!.receivedAt + EXCHANGE_TIMEOUT_MS;
    story.endsAs({ state: 'IN_DOUBT', errorCode: 'timeout' });
    expect(verdict()).toMatchObject({ ...CLEAN, inDoubt: 1, slow: 1 });
  });

  it('a replica that came to its lock after the deadline, and says so, explains its doubt', () => {
    const attempt = { attemptId: 'attempt 9', attemptReplica: 'broker-1/spool' };
    story.row(attempt).row({ state: 'IN_DOUBT', lastAttemptId: 'attempt 9', errorCode: 'replica_gone' });
    expect(verdict().unexplained).toHaveLength(1);
    const late = { replica: 'broker-1', connection: CONNECTION, generation: 1 };
    story.latecomers.push({ ...late, at: story.at + 100, durationMs: 200 });
    expect(verdict().unexplained).toHaveLength(1);
    story.latecomers.push({ ...late, at: story.at + 3_100, durationMs: 3_200 });
    expect(verdict()).toMatchObject({ ...CLEAN, inDoubt: 1, slow: 1 });
  });

  it('a probe that is refused although nothing had been spent', () => {
    story.presents({ token: 'token 1' }).hit({ kind: 'lose_request', fingerprint: 'token 1' });
    story.endsAs({ state: 'IN_DOUBT', errorCode: 'timeout' });
    story.presents({ token: 'token 1', inDoubt: true, outcome: INVALID_GRANT });
    story.endsAs({ state: 'REAUTHORIZATION_REQUIRED', errorCode: 'invalid_grant' });
    expect(verdict().unexplained).toMatchObject([{ what: expect.stringContaining('had not been spent') }]);
  });

  it('a probe without an answer that nothing kept back', () => {
    doubt();
    story.presents({ token: 'token 1', inDoubt: true });
    const unresolved = { state: 'REAUTHORIZATION_REQUIRED', errorCode: 'in_doubt_unresolved' };
    story.endsAs(unresolved);
    // The doubt's own fault hit the same token: it must not explain the probe as well.
    expect(verdict().unexplained).toMatchObject([{ what: expect.stringContaining('not answered') }]);
  });

  it('and one with a fault of its own', () => {
    doubt();
    story.presents({ token: 'token 1', inDoubt: true });
    story.hit({ kind: 'kill', replica: 'broker-1' });
    story.endsAs({ state: 'REAUTHORIZATION_REQUIRED', errorCode: 'in_doubt_unresolved' });
    expect(verdict()).toMatchObject({ ...CLEAN, reauthorizations: 1 });
  });

  it.each(['stale_token', 'broker_fault', 'broker_exit', 'never_at_rest', 'start_failed'] as const)(
    'what is never allowed: %s',
    (what) => {
      story.remarks.push({ at: story.at, what, replica: 'broker-1', detail: 'x' });
      expect(verdict().unexplained).toHaveLength(1);
    },
  );

  it('a start fails while the database is away', () => {
    story.hit({ kind: 'postgres_killed' });
    story.remarks.push({ at: story.at + 1_000, what: 'start_failed', replica: 'broker-1', detail: 'x' });
    expect(verdict()).toMatchObject(CLEAN);
  });

  it('P6: a token that is held is served on, unless its connection has ended', () => {
    const missed = { replica: 'broker-1', connection: CONNECTION, refusal: '14 UNAVAILABLE' };
    const { at } = story;
    story.missedReads.push({ ...missed, heldSince: at, askedAt: at + 50, refusedAt: at + 60 });
    expect(verdict().unexplained).toMatchObject([{ what: expect.stringContaining('P6') }]);
    story.row({ state: 'REAUTHORIZATION_REQUIRED' });
    story.missedReads[0] = { ...missed, heldSince: at, askedAt: at + 500, refusedAt: at + 600 };
    expect(verdict().unexplained.filter(({ what }) => what.includes('P6'))).toEqual([]);
  });
});
