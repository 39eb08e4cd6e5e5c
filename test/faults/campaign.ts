import { rmSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { temporaryDirectory } from '../../apps/dev/src/settings.js';
import { machineMs } from './broker/tell.js';
import { fakeTimeLibrary } from './fleet/fake-time.js';
import { Fleet } from './fleet/fleet.js';
import { Journal } from './fleet/journal.js';
import { TIMINGS } from './fleet/timings.js';
import { Revivals, within, type Context } from './inject/context.js';
import { Injector } from './inject/injector.js';
import { Steps } from './inject/steps.js';
import { Operator } from './load/operator.js';
import { Readers } from './load/readers.js';
import { Users, usersFor } from './load/users.js';
import { optionsFrom, type Options } from './options.js';
import { SLUMBER_FAULTS, type FaultKind } from './plan/kinds.js';
import { plan, type Lane } from './plan/plan.js';
import { progress, report, summaryLine } from './report.js';
import { lastRotations, liftEverything, settle } from './settle.js';
import type { CampaignRecords, ConnectionEnd } from './verdict/records.js';
import { judgeCampaign } from './verdict/verdict.js';

/** A campaign of so many faults has time for those that last longer than every timeout. */
const LONG = 500;

/**
 * `npm run faults`: a campaign of faults against real brokers, a real PostgreSQL and a real authorization
 * server. Its last line on standard output is its verdict; it fails when a promise broke.
 */
async function main(): Promise<number> {
  const options = optionsFrom(process.argv.slice(2));
  const dir = options.dir ?? temporaryDirectory('faults');
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  const journal = new Journal(dir);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  say(`seed ${options.seed}, ${options.faults} faults, ${options.replicas} replicas; records in ${dir}`);
  const { records, broken: early } = await carryOut(options, dir, journal, say);
  const verdict = judgeCampaign(records, TIMINGS);
  const broken = report(verdict, records, say) || early;
  writeFileSync(join(dir, 'verdict.json'), JSON.stringify(verdict, null, 2));
  writeFileSync(join(dir, 'rows.jsonl'), records.rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await journal.close();
  if (broken || options.dir !== undefined) say(`The records are in ${dir}`);
  else rmSync(dir, { recursive: true, force: true });
  process.stdout.write(`${summaryLine(options.seed, records, verdict)}\n`);
  return broken ? 1 : 0;
}

async function carryOut(
  options: Options,
  dir: string,
  journal: Journal,
  say: (text: string) => void,
): Promise<{ records: CampaignRecords; broken: boolean }> {
  const users = usersFor(options.connections);
  const wallToMachineMs = machineMs() - Date.now();
  const { replicas, defect } = options;
  const fleet = await Fleet.start({ dir, replicas, users: users.map(({ login }) => login), defect }, journal);
  const stop = endWithUs(fleet);
  const recordsNow = async (ends: readonly ConnectionEnd[]): Promise<CampaignRecords> => {
    fleet.ledger.read();
    const rows = await fleet.audit.versions(wallToMachineMs);
    const { requests, latecomers, exchanges, faults, remarks, missedReads } = journal;
    return {
      requests,
      latecomers,
      exchanges,
      faults,
      remarks,
      missedReads,
      ledger: fleet.ledger.records,
      wallToMachineMs,
      rows,
      ends,
    };
  };
  try {
    const scripted = new Users(fleet, journal, users);
    await scripted.begin();
    const operator = new Operator(fleet, journal);
    operator.begin();
    const readers = new Readers(fleet, journal, users);
    readers.begin();
    const context: Context = { fleet, journal, revivals: new Revivals(journal), taken: new Set() };
    const steps = new Steps(journal);
    const injector = new Injector(context, steps, journal);
    const without = unavailable(fleet, say);
    const lanes = plan(options.seed, replicas, {
      without: options.faults < LONG ? [...without, ...SLUMBER_FAULTS] : without,
      ...(defect === undefined ? {} : { defect }),
    });
    const telling = progress(options, journal, { readers, users: scripted, say });
    const caught = (): Promise<boolean> => isBrokenAlready(recordsNow);
    const ending = await injectUntil(options, injector, lanes, journal, caught);
    clearInterval(telling);
    if (ending === 'out of time')
      say(`Only ${journal.faults.length} of ${options.faults} faults hit in time.`);
    if (ending === 'caught') {
      scripted.giveUp();
      await operator.stop();
      context.revivals.giveUp();
      return { records: await recordsNow([]), broken: false };
    }
    say('All faults are lifted; waiting for rest …');
    await liftEverything(fleet, context.revivals);
    await settle(fleet, journal);
    await scripted.stop();
    await readers.stop();
    const records = await recordsNow(await lastRotations(fleet));
    await operator.stop();
    say(`${operator.thaws} times the storm brake froze an OAuth client, and the operator thawed it.`);
    return { records, broken: ending === 'out of time' };
  } finally {
    stop();
    await fleet.stop();
  }
}

const LOOK_EVERY_MS = 1_000;

/** Longer than any fault takes, the start of a replica on a slow machine included. */
const LANES_END_MS = 150_000;

/**
 * Goes on until so many faults have hit. With a seeded defect, it has done its work as soon as that one is
 * caught: what it does to the fleet from then on says nothing more.
 */
async function injectUntil(
  { faults, seconds, defect }: Options,
  injector: Injector,
  lanes: readonly Lane[],
  journal: Journal,
  caught: () => Promise<boolean>,
): Promise<'enough' | 'caught' | 'out of time'> {
  const end = machineMs() + seconds * 1_000;
  const running = injector.run(lanes);
  // A lane that fails is a fault of the campaign itself: it must not go on in silence.
  const failed = running.then(() => false);
  let lookedAt = machineMs();
  let ending: 'enough' | 'caught' | 'out of time' | undefined;
  while (ending === undefined) {
    await Promise.race([delay(100), failed]);
    if (journal.faults.length >= faults) ending = 'enough';
    else if (machineMs() > end) ending = 'out of time';
    else if (defect !== undefined && machineMs() - lookedAt > LOOK_EVERY_MS) {
      if (await caught()) ending = 'caught';
      lookedAt = machineMs();
    }
  }
  injector.stop();
  const patience = ending === 'caught' ? 2_000 : LANES_END_MS;
  const ended = await within(
    running.then(() => true),
    patience,
  );
  if (ended || ending === 'caught') return ending;
  throw new Error('A lane of the plan does not come to its end; the last lines of the journal say which.');
}

/** Whether a promise has broken by now; what is not explained yet may be explained in a moment. */
async function isBrokenAlready(
  recordsNow: (ends: readonly ConnectionEnd[]) => Promise<CampaignRecords>,
): Promise<boolean> {
  try {
    const verdict = judgeCampaign(await recordsNow([]), TIMINGS);
    return verdict.doubleSpends.length > 0 || verdict.silentLosses.length > 0;
  } catch {
    // The database is away just now.
    return false;
  }
}

/** The kinds that this machine cannot do; said, so that nobody takes them for done. */
function unavailable(fleet: Fleet, say: (text: string) => void): FaultKind[] {
  const [first] = fleet.replicas;
  say(
    `disk full: ${first?.settings.disk.means === 'tmpfs' ? 'a small tmpfs (ENOSPC)' : 'RLIMIT_FSIZE (EFBIG)'}`,
  );
  if (fakeTimeLibrary() !== undefined) {
    say('clock jumps: libfaketime');
    return [];
  }
  say('clock jumps: left out; Debian’s package libfaketime is not installed');
  return ['clock_jump', 'clock_off_at_start'];
}

/** However this process ends, it leaves no other behind. Answers what ends this care. */
function endWithUs(fleet: Fleet): () => void {
  const interrupted = (): void => {
    void fleet.stop().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  process.once('disconnect', interrupted);
  return () => {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
    process.off('disconnect', interrupted);
  };
}

process.exit(await main());
