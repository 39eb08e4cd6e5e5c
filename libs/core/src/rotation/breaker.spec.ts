import {
  CollectedEvents,
  FakeClock,
  FakeWorld,
  sampleConnection,
  settle,
  type FakeReplica,
} from '../../../../test/harness/fakes/index.js';
import { DEFAULT_VARIANT } from '../connection/variant.js';
import { Breakers } from './breaker.js';
import type { SpendOutcome } from './finish-rotation.js';
import type { Failure } from './judge.js';
import { verdictOn } from './server-trouble.js';

let clock: FakeClock;
let events: CollectedEvents;
let breakers: Breakers;
let revision: number;
let chance: number;

beforeEach(() => {
  clock = new FakeClock();
  events = new CollectedEvents();
  [revision, chance] = [1, 0.999];
  breakers = new Breakers(
    clock,
    events,
    () => revision,
    () => chance,
  );
});

const DOWN: Failure = { kind: 'notSent', code: 'connection_refused', description: 'scripted' };
const FINE: Failure = { kind: 'final', code: 'invalid_grant', description: 'scripted' };

const ended = (failure: Failure | undefined, canary?: 'changed'): void => {
  const connection = sampleConnection();
  const lastError = { code: failure?.code ?? '', description: 'scripted', at: clock.now() };
  const outcome: SpendOutcome = failure
    ? { kind: 'denied', connection, failure, change: { kind: 'denied', lastError } }
    : ({ kind: 'rotated', connection } as SpendOutcome);
  breakers.rotationEnded(outcome, canary ? { canary } : {});
};
const fail = (times: number, failure: Failure = DOWN): void => {
  for (let i = 0; i < times; i += 1) ended(failure);
};
const kind = (): string => breakers.admission('c').kind;
const untilHalfOpen = (): void => {
  const admission = breakers.admission('c');
  if (admission.kind === 'open') clock.advance(admission.retryInMs);
};

describe('P6, P11: a breaker', () => {
  it('opens after failures in a row that are about the server, with their reason and a time to come back', () => {
    fail(2);
    expect(kind()).toBe('closed');
    fail(1);
    expect(breakers.admission('c')).toMatchObject({
      kind: 'open',
      cause: { code: 'connection_refused' },
      retryInMs: expect.any(Number),
    });
    expect(breakers.admission('another')).toEqual({ kind: 'closed' });
    expect(events.ofType('breaker.opened')).toMatchObject([{ client: 'clients/c', failures: 3 }]);
  });

  it.each([
    ['a token', undefined],
    ['a final word about one connection', FINE],
    ['a refused scope', { kind: 'refused', code: 'invalid_scope', description: '' }],
  ] as const)('%s in between shows that it works', (_what, failure) => {
    fail(2);
    ended(failure);
    fail(2);
    expect(kind()).toBe('closed');
  });

  it('lets one rotation through when its time is up, and no second one beside it', () => {
    fail(3);
    untilHalfOpen();
    expect(kind()).toBe('half-open');
    const over = breakers.begin('c');
    expect(kind()).toBe('trial');
    over();
    expect(kind()).toBe('half-open');
    breakers.begin('c');
    ended(undefined);
    expect(kind()).toBe('closed');
    expect(events.ofType('breaker.closed')).toHaveLength(1);
  });

  it('stays open for longer each time that the one is no better, to a bound, with full jitter', () => {
    const waits: number[] = [];
    fail(2);
    for (let i = 0; i < 12; i += 1) {
      fail(1);
      const admission = breakers.admission('c');
      if (admission.kind === 'open') waits.push(admission.retryInMs);
      untilHalfOpen();
      breakers.begin('c');
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits[0]).toBeLessThanOrEqual(2_000);
    expect(waits.at(-1)).toBeLessThanOrEqual(120_000);
    expect(waits.at(-1)).toBeGreaterThan(100_000);
    chance = 0;
    fail(1);
    expect(breakers.admission('c')).toMatchObject({ kind: 'open', retryInMs: 500 });
  });

  it('waits as long as the server asked for', () => {
    const busy = {
      kind: 'refused',
      code: 'too_many_requests',
      description: '',
      retryAfterMs: 77_000,
    } as const;
    fail(3, busy);
    expect(breakers.admission('c')).toMatchObject({ kind: 'open', retryInMs: 77_000 });
    // Another one of those that were under way: it may ask for more, and never for less.
    ended({ ...busy, retryAfterMs: 90_000 });
    ended({ ...busy, retryAfterMs: 10_000 });
    expect(breakers.admission('c')).toMatchObject({ kind: 'open', retryInMs: 90_000 });
    expect(events.ofType('breaker.opened')).toHaveLength(1);
  });

  it('a canary opens it with its first failure', () => {
    ended({ kind: 'refused', code: 'invalid_client', description: '' }, 'changed');
    expect(kind()).toBe('open');
  });

  it('P12: a changed OAuth client is a new chance', () => {
    fail(3);
    revision += 1;
    expect(kind()).toBe('closed');
    expect(breakers.view('c')).toEqual({ state: 'closed', failures: 0 });
    expect(events.ofType('breaker.closed')).toHaveLength(1);
  });

  it('shows operators how it stands', () => {
    expect(breakers.view('c')).toEqual({ state: 'closed', failures: 0 });
    fail(1);
    expect(breakers.view('c')).toMatchObject({ state: 'closed', failures: 1 });
    fail(2);
    expect(breakers.view('c')).toMatchObject({ state: 'open', failures: 3, until: expect.any(Number) });
    untilHalfOpen();
    expect(breakers.view('c')).toMatchObject({ state: 'half-open' });
  });
});

describe('whose trouble it is', () => {
  it.each<[Failure['kind'], string, string]>([
    ['notSent', 'connection_refused', 'in trouble'],
    ['notSent', 'discovery_failed', 'in trouble'],
    ['notSent', 'database_unavailable', 'unknown'],
    ['notSent', 'spool_unavailable', 'unknown'],
    ['notSent', 'unreadable_refresh_token', 'unknown'],
    ['notSent', 'superseded', 'unknown'],
    ['notSent', 'too_late', 'unknown'],
    ['unanswered', 'timeout', 'in trouble'],
    ['refused', 'too_many_requests', 'in trouble'],
    ['refused', 'service_unavailable', 'in trouble'],
    ['refused', 'invalid_client', 'in trouble'],
    ['refused', 'unauthorized_client', 'in trouble'],
    ['refused', 'invalid_scope', 'works'],
    ['refused', 'invalid_target', 'works'],
    ['doubtful', 'http_500', 'in trouble'],
    ['doubtful', 'malformed_answer', 'in trouble'],
    ['doubtful', 'some_code_of_its_own', 'unknown'],
    ['final', 'invalid_grant', 'works'],
    ['final', 'probe_forbidden', 'unknown'],
  ])('%s, %s: %s', (failed, code, expected) => {
    expect(verdictOn({ kind: failed, code, description: '' })).toBe(expected);
  });
});

describe('P6, P11: while it is open', () => {
  let world: FakeWorld;
  let replica: FakeReplica;

  beforeEach(async () => {
    world = new FakeWorld();
    replica = world.replica();
    for (let i = 0; i < 10; i += 1) await world.addConnection({ uid: `uid-${i}` });
    replica.endpoint.notReady = { notReady: 'discovery_failed', description: 'scripted' };
    await replica.due().tick();
    await replica.rotator.idle();
  });

  it('the background claims nothing, and the rows keep their place', async () => {
    const failed = (): number => world.events.ofType('rotation.failed').length;
    const before = failed();
    expect(before).toBeLessThan(10);
    await replica.due().tick();
    expect(failed()).toBe(before);
    const untouched = [...world.database.rows.values()].filter(({ connection }) => !connection.failureCount);
    expect(untouched.length).toBe(10 - before);
  });

  it('reads are refused at once with the true reason, and an operator may try', async () => {
    const demand = (trigger: 'demand' | 'operator'): ReturnType<FakeReplica['demand']['rotate']> =>
      replica.demand.rotate(
        'uid-9',
        DEFAULT_VARIANT,
        trigger,
        () => Infinity,
        async () => undefined,
      );
    expect(await demand('demand')).toMatchObject({
      refusal: {
        reason: 'AUTHORIZATION_SERVER_DOWN',
        metadata: { last_error: 'discovery_failed' },
        retryAfterMs: expect.any(Number),
      },
    });
    replica.endpoint.notReady = undefined;
    expect(await demand('operator')).toMatchObject({ outcome: { kind: 'rotated' } });
    expect(replica.breakers.admission('c')).toEqual({ kind: 'closed' });
  });

  it('one goes first when its time is up, and the others follow as soon as it is granted', async () => {
    replica.endpoint.notReady = undefined;
    const { until = 0 } = replica.breakers.view('c');
    world.clock.advance(until - world.clock.now());
    const doors: Array<() => void> = [];
    replica.endpoint.pace = (point) =>
      point === 'to the server' ? new Promise((resolve) => doors.push(resolve)) : Promise.resolve();
    const ticking = replica.due().tick();
    await settle();
    expect(doors).toHaveLength(1);
    for (let i = 0; i < 10; i += 1) {
      for (const letIn of doors.splice(0)) letIn();
      await settle();
    }
    await ticking;
    expect(world.events.ofType('rotation.succeeded').length).toBeGreaterThan(1);
  });
});
