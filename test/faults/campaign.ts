import { rmSync, mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { temporaryDirectory } from '../../apps/dev/src/settings.js';
import { machineMs } from './broker/tell.js';
import { fakeTimeLibrary } from './fleet/fake-time.js';
import { Fleet } from './fleet/fleet.js';
import { Journal } from './fleet/journal.js';
import { TIMINGS } from './fleet/timings.js';
import { Revivals, type Context } from './inject/context.js';
import { Injector } from './inject/injector.js';
import { Steps } from './inject/steps.js';
import { Readers } from './load/readers.js';
import { Users, usersFor } from './load/users.js';
import { optionsFrom, type Options } from './options.js';
import type { FaultKind } from './plan/kinds.js';
import { plan } from './plan/plan.js';
import { progress, report, summaryLine } from './report.js';
import { lastRotations, liftEverything, settle } from './settle.js';
import type { CampaignRecords } from './verdict/records.js';
import { judgeCampaign } from './verdict/verdict.js';

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
  const verdict = judgeCampaign(records, TIMINGS.exchangeTimeoutMs);
  const broken = report(verdict, records, say) || early;
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
  const fleet = await Fleet.start(
    { dir, replicas: options.replicas, users: users.map(({ login }) => login), defect: options.defect },
    journal,
  );
  const stop = endWithUs(fleet);
  try {
    const scripted = new Users(fleet, journal, users);
    await scripted.begin();
    const readers = new Readers(fleet, journal, users);
    readers.begin();
    const context: Context = { fleet, journal, revivals: new Revivals(journal), taken: new Set() };
    const steps = new Steps(journal);
    const injector = new Injector(context, steps, journal);
    const without = unavailable(fleet, say);
    const lanes = plan(options.seed, options.replicas, {
      without,
      ...(options.defect === undefined ? {} : { defect: options.defect }),
    });
    const enough = await injectUntilEnough(options, injector, lanes, journal, {
      readers,
      users: scripted,
      say,
    });
    say('All faults are lifted; waiting for rest …');
    await liftEverything(fleet, context.revivals);
    await settle(fleet, journal);
    await scripted.stop();
    await readers.stop();
    const ends = await lastRotations(fleet);
    fleet.ledger.read();
    const records: CampaignRecords = {
      ledger: fleet.ledger.records,
      wallToMachineMs,
      rows: await fleet.audit.versions(wallToMachineMs),
      requests: journal.requests,
      exchanges: journal.exchanges,
      faults: journal.faults,
      remarks: journal.remarks,
      missedReads: journal.missedReads,
      ends,
    };
    if (!enough) say(`Only ${journal.faults.length} of ${options.faults} faults hit in time.`);
    return { records, broken: !enough };
  } finally {
    stop();
    await fleet.stop();
  }
}

async function injectUntilEnough(
  options: Options,
  injector: Injector,
  lanes: Parameters<Injector['run']>[0],
  journal: Journal,
  watched: Parameters<typeof progress>[2],
): Promise<boolean> {
  const end = machineMs() + options.seconds * 1_000;
  const running = injector.run(lanes);
  const tell = progress(options, journal, watched);
  // A lane that fails is a fault of the campaign itself: it must not go on in silence.
  const failed = running.then(() => false);
  while (journal.faults.length < options.faults && machineMs() < end) {
    await Promise.race([delay(100), failed]);
  }
  clearInterval(tell);
  injector.stop();
  await running;
  return journal.faults.length >= options.faults;
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
