import { judgeDatabase } from './judge-database.js';
import type { DatabaseView } from './ports.js';
import type { Replica } from './replica.js';

const ME: Replica = {
  spoolId: 'spool-1',
  name: 'broker-1',
  bootId: 'boot-1',
  heartbeat: 500,
  timeline: 3,
  startedAt: 0,
  lastSeenAt: 0,
};
const VIEW: DatabaseView = {
  installationId: 'installation-1',
  systemIdentifier: 'cluster-1',
  actualSystemIdentifier: 'cluster-1',
  timeline: 3,
  attemptNumber: 90,
  now: 0,
  thaws: 2,
  replicas: [],
};
const KNOWN = { attemptNumber: 90, timeline: 3, heartbeat: 500, thaws: 2 };
const NEVER_SEEN = { attemptNumber: 0, timeline: 0, heartbeat: 0, thaws: 0 };

describe('what a replica makes of the database that it sees', () => {
  it.each<[string, Partial<typeof KNOWN>, Partial<Replica> | undefined, Partial<DatabaseView>, string]>([
    ['the same moment', {}, {}, {}, 'same'],
    ['a later moment', {}, { heartbeat: 900 }, { attemptNumber: 700 }, 'same'],
    ['a promotion that lost nothing', {}, {}, { timeline: 4 }, 'failedOver'],
    ['a promotion that lost attempts', {}, {}, { timeline: 4, attemptNumber: 80 }, 'failedOver'],
    ['a promotion that lost some seconds', {}, { heartbeat: 441 }, { timeline: 4 }, 'failedOver'],
    [
      'a promotion that lost this replica’s first row',
      { heartbeat: 3 },
      undefined,
      { timeline: 4 },
      'failedOver',
    ],
    ['a recovery to more than a minute ago', {}, { heartbeat: 439 }, { timeline: 4 }, 'stop'],
    ['a recovery to before this replica', {}, undefined, { timeline: 4 }, 'stop'],
    ['fewer attempts without a promotion: a restored copy', {}, {}, { attemptNumber: 89 }, 'stop'],
    ['fewer heartbeats without a promotion', {}, { heartbeat: 499 }, {}, 'stop'],
    ['fewer words of operators', {}, {}, { thaws: 1 }, 'stop'],
    ['another cluster', {}, {}, { actualSystemIdentifier: 'cluster-2' }, 'stop'],
    [
      'another cluster, for a replica that knows nothing',
      NEVER_SEEN,
      undefined,
      { actualSystemIdentifier: 'x' },
      'stop',
    ],
    ['what an operator has confirmed since', {}, { heartbeat: 1 }, { thaws: 3, attemptNumber: 5 }, 'same'],
    [
      'what an operator has confirmed, on a new timeline',
      {},
      { heartbeat: 1 },
      { thaws: 3, timeline: 9 },
      'failedOver',
    ],
    ['a database before its first cluster is known', NEVER_SEEN, { heartbeat: 0 }, { thaws: 0 }, 'same'],
  ])('%s', (_what, known, me, view, expected) => {
    const seen = me === undefined ? undefined : { ...ME, ...me };
    expect(judgeDatabase({ ...KNOWN, ...known }, seen, { ...VIEW, ...view }).kind).toBe(expected);
  });

  it('says what it saw, for the operator', () => {
    expect(judgeDatabase(KNOWN, { ...ME, heartbeat: 7 }, { ...VIEW, attemptNumber: 12 })).toMatchObject({
      reason: 'DATABASE_WENT_BACK',
      detail: expect.stringMatching(/attempt 12 .*heartbeat 7 .*attempt 90 and heartbeat 500/),
    });
    expect(judgeDatabase(KNOWN, ME, { ...VIEW, actualSystemIdentifier: 'cluster-2' })).toMatchObject({
      reason: 'DATABASE_MOVED',
      detail: expect.stringMatching(/cluster-1.*cluster-2/),
    });
  });
});
