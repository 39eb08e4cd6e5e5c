import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_VARIANT, type Sealed, type SpooledAnswer, type SpooledSending } from '#libs/core';
import { decodeJournal, encodeRecord } from './record.js';
import { FileSpool, type SpoolLimits } from './index.js';

const INSTALLATION = 'installation-1';
const ANSWER: SpooledAnswer = { status: 200, headers: {}, body: 'sealed-body' as Sealed };

function sending(attemptId: string): SpooledSending {
  return {
    attemptId,
    uid: `uid-of-${attemptId}`,
    generation: 3,
    authorizationEpoch: 1,
    variant: DEFAULT_VARIANT,
    requestedAt: 1_000,
  };
}

describe('FileSpool', () => {
  let dir: string;

  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'spool-'))));
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const open = (): Promise<FileSpool> => FileSpool.open(dir, INSTALLATION);
  const journal = (): string =>
    readdirSync(dir)
      .filter((name) => name.startsWith('segment-'))
      .map((name) => readFileSync(join(dir, name), 'utf8'))
      .join('');
  const lastSegment = (): string =>
    join(
      dir,
      readdirSync(dir)
        .filter((n) => n.startsWith('segment-'))
        .toSorted()
        .at(-1)!,
    );

  it('P3: what was journaled is on disk when it resolves, and there after a restart', async () => {
    const spool = await open();
    await spool.sent(sending('a'));
    expect(journal()).toContain('"uid-of-a"');
    await spool.answered('a', ANSWER);
    expect(journal()).toContain('sealed-body');
    await spool.sent(sending('b'));
    await spool.close();

    const again = await open();
    expect(again.attempts()).toEqual([
      { sent: sending('a'), answer: ANSWER, settled: false },
      { sent: sending('b'), settled: false },
    ]);
    expect(again.id).toBe(spool.id);
    expect(again.damaged).toBe(0);
    await again.close();
  });

  it('a settled attempt stays as a redo log, marked', async () => {
    const spool = await open();
    await spool.sent(sending('a'));
    await spool.answered('a', ANSWER);
    await spool.settled('a');
    await spool.close();
    const again = await open();
    expect(again.attempts()).toEqual([{ sent: sending('a'), answer: ANSWER, settled: true }]);
    await again.close();
  });

  it('many at once are all there, in segments that do not grow without bound', async () => {
    const spool = await open();
    const body = 'x'.repeat(60_000) as Sealed;
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        await spool.sent(sending(`${i}`));
        await spool.answered(`${i}`, { ...ANSWER, body });
        if (i % 2 === 0) await spool.settled(`${i}`);
      }),
    );
    await spool.close();
    const again = await open();
    const attempts = again.attempts();
    expect(attempts).toHaveLength(200);
    expect(attempts.filter(({ settled }) => settled)).toHaveLength(100);
    expect(attempts.every(({ answer }) => answer?.body === body)).toBe(true);
    await again.close();
    expect(readdirSync(dir).filter((name) => name.startsWith('segment-'))).toHaveLength(1);
  });

  it('a torn write at the end costs the torn record only', async () => {
    const spool = await open();
    await spool.sent(sending('a'));
    await spool.close();
    appendFileSync(
      lastSegment(),
      encodeRecord({ type: 'answered', attemptId: 'a', at: 1, answer: ANSWER }).slice(0, 40),
    );
    const again = await open();
    expect(again.attempts()).toEqual([{ sent: sending('a'), settled: false }]);
    expect(again.damaged).toBe(0);
    await again.close();
  });

  it('a cut file is read as far as it goes, and a flipped bit is noticed', async () => {
    const spool = await open();
    await spool.sent(sending('a'));
    await spool.sent(sending('b'));
    await spool.close();
    const bytes = readFileSync(lastSegment());
    const inFirst = bytes.indexOf('uid-of-a');
    bytes[inFirst] = (bytes[inFirst] ?? 0) ^ 1;
    writeFileSync(lastSegment(), bytes);
    const again = await open();
    expect(again.damaged).toBe(1);
    expect(again.attempts()).toEqual([{ sent: sending('b'), settled: false }]);
    await again.close();
    truncateSync(lastSegment(), 5);
    const third = await open();
    expect(third.attempts()).toEqual([]);
    await third.close();
  });

  it('refuses a directory that another live process has, and takes over from a dead one', async () => {
    const spool = await open();
    writeFileSync(
      join(dir, 'owner.json'),
      JSON.stringify({ host: hostname(), pid: process.ppid, started: startOf(process.ppid) }),
    );
    await expect(open()).rejects.toMatchObject({ name: 'SpoolInUseError' });
    writeFileSync(
      join(dir, 'owner.json'),
      JSON.stringify({ host: hostname(), pid: 2 ** 22 + 1, started: '1' }),
    );
    const taken = await open();
    await taken.close();
    writeFileSync(join(dir, 'owner.json'), JSON.stringify({ host: 'elsewhere', pid: 1, started: '1' }));
    await expect(open()).rejects.toThrow('elsewhere');
    rmSync(join(dir, 'owner.json'));
    await spool.close();
  });

  it('refuses a spool of another database', async () => {
    await (await open()).close();
    await expect(FileSpool.open(dir, 'installation-2')).rejects.toMatchObject({ name: 'ForeignSpoolError' });
    await (await open()).close();
  });

  it('a full disk is an error before anything counts as journaled', async () => {
    const spool = await open();
    await spool.close();
    await expect(spool.sent(sending('a'))).rejects.toThrow();
    expect(spool.attempts()).toEqual([]);
  });
});

describe('what a spool does when its disk does not', () => {
  let dir: string;

  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'spool-'))));
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const open = (limits: SpoolLimits = {}): Promise<FileSpool> => FileSpool.open(dir, INSTALLATION, limits);
  const reserve = (): string => join(dir, 'reserve');
  /** From now on every write to the present segment fails, as on a broken disk. */
  const breakSegment = async (spool: FileSpool): Promise<void> => {
    const { segment } = spool as unknown as { segment: { handle: { close(): Promise<void> } } };
    await segment.handle.close();
  };

  it('P3: space is set aside for answers, and nothing is sent while it cannot be', async () => {
    const first = await open();
    expect(statSync(reserve()).size).toBeGreaterThanOrEqual(4 * 1024 * 1024);
    await first.close();
    rmSync(reserve());
    mkdirSync(reserve());
    const spool = await open();
    expect(spool.trouble).toMatch(/EISDIR/);
    await expect(spool.sent(sending('a'))).rejects.toThrow(/EISDIR/);
    rmSync(reserve(), { recursive: true });
    await spool.recover();
    expect(spool.trouble).toBeUndefined();
    await spool.sent(sending('a'));
    await spool.close();
  });

  it('P3: an answer whose write fails is written anew, with everything else, into the space set aside', async () => {
    const spool = await open();
    await spool.sent(sending('a'));
    await breakSegment(spool);
    await spool.answered('a', ANSWER);
    expect(existsSync(reserve())).toBe(false);
    expect(spool.trouble).toBeDefined();
    await expect(spool.sent(sending('b'))).rejects.toThrow();
    await spool.recover();
    expect(existsSync(reserve())).toBe(true);
    await spool.sent(sending('c'));
    await spool.close();
    const again = await open();
    expect(again.attempts()).toEqual([
      { sent: sending('a'), answer: ANSWER, settled: false },
      { sent: sending('c'), settled: false },
    ]);
    await again.close();
  });

  it('P2: where nothing can be written at all, it says so, keeps what it has in memory, and recovers with it', async () => {
    const spool = await open();
    await spool.sent(sending('a'));
    await breakSegment(spool);
    renameSync(dir, `${dir}.gone`);
    await expect(spool.answered('a', ANSWER)).rejects.toThrow();
    await spool.recover();
    expect(spool.trouble).toMatch(/ENOENT/);
    renameSync(`${dir}.gone`, dir);
    await spool.recover();
    expect(spool.trouble).toBeUndefined();
    await spool.close();
    const again = await open();
    expect(again.attempts()).toEqual([{ sent: sending('a'), answer: ANSWER, settled: false }]);
    await again.close();
  });

  it('is bounded: the oldest settled go first, and what is not settled is never forgotten', async () => {
    const body = 'x'.repeat(20_000) as Sealed;
    const spool = await open({ mostBytes: 100_000 });
    for (let i = 0; i < 20; i += 1) {
      await spool.sent(sending(`settled-${i}`));
      await spool.answered(`settled-${i}`, { ...ANSWER, body });
      await spool.settled(`settled-${i}`);
    }
    expect(spool.load.bytes).toBeLessThan(130_000);
    expect(spool.attempts().map(({ sent }) => sent.attemptId)).not.toContain('settled-0');
    for (let i = 0; i < 5; i += 1) {
      await spool.sent(sending(`open-${i}`));
      await spool.answered(`open-${i}`, { ...ANSWER, body });
    }
    await expect(spool.sent(sending('one-too-many'))).rejects.toMatchObject({ name: 'SpoolFullError' });
    expect(spool.attempts()).toHaveLength(5);
    await spool.settled('open-0');
    await spool.sent(sending('room again'));
    await spool.close();
  });

  it('keeps what it knows of the database, which never goes back without an operator’s word', async () => {
    const spool = await open();
    await spool.sent({ ...sending('a'), attemptNumber: 40 });
    spool.know({ attemptNumber: 12, timeline: 2, heartbeat: 7, thaws: 0 });
    await spool.close();
    const again = await open();
    expect(again.known).toEqual({ attemptNumber: 40, timeline: 2, heartbeat: 7, thaws: 0 });
    again.know({ attemptNumber: 40, timeline: 1, heartbeat: 3, thaws: 1 });
    expect(again.known).toEqual({ attemptNumber: 40, timeline: 1, heartbeat: 3, thaws: 1 });
    await again.close();
  });

  it('knows what was not sent after all', async () => {
    const spool = await open();
    await spool.sent(sending('a'));
    await spool.unsent('a');
    await spool.unsent('never heard of');
    await spool.close();
    const again = await open();
    expect(again.attempts()).toEqual([{ sent: sending('a'), settled: false, unsent: true }]);
    await again.close();
  });
});

describe('journal lines', () => {
  it('come back as they were, whatever stands in them', () => {
    const record = { type: 'sent' as const, attemptId: 'a\n"b\u2028', at: 1, sending: { x: '\ud800' } };
    expect(decodeJournal(encodeRecord(record)).records).toEqual([record]);
  });
});

function startOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
