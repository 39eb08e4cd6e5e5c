import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { machineMs } from '../broker/tell.js';
import type { ReplicaUnderTest } from '../fleet/replica.js';
import { IDLE_IN_TRANSACTION_MS, TIMINGS } from '../fleet/timings.js';
import type { PlannedFault } from '../plan/plan.js';
import { between, freeReplica, holding, reached, within, type Context } from './context.js';

/** The process lives, and is slow, late, or wrong about its surroundings. */
export async function toALivingProcess(context: Context, fault: PlannedFault): Promise<boolean> {
  const replica = freeReplica(context, fault.replica);
  if (!replica) return false;
  return holding(context, replica, async () => {
    const { length } = fault;
    const { attemptDeadlineMs } = TIMINGS;
    switch (fault.kind) {
      case 'stop':
        return stop(context, replica, fault, between(50, 1_200, length));
      case 'stop_past_deadline':
        return stop(
          context,
          replica,
          fault,
          between(attemptDeadlineMs + 300, attemptDeadlineMs + 3_000, length),
        );
      case 'stop_past_every_timeout':
        return stop(context, replica, fault, IDLE_IN_TRANSACTION_MS + between(3_000, 8_000, length));
      case 'stop_at':
        return stopAt(context, replica, fault, between(600, 1_200, length));
      case 'delay_at':
        return delayAt(context, replica, fault, between(50, 2_000, length));
      case 'disk_full':
        return diskFull(context, replica, between(1_000, 4_000, length));
      case 'clock_jump':
        return clockJump(context, replica, length);
      case 'clock_off_at_start':
        return clockOffAtStart(context, replica, length);
      default:
        throw new Error(`${fault.kind} is no pause`);
    }
  });
}

async function stop(
  { journal }: Context,
  replica: ReplicaUnderTest,
  { kind }: PlannedFault,
  ms: number,
): Promise<boolean> {
  const at = machineMs();
  replica.stop();
  await delay(ms);
  replica.continue();
  journal.hit({ kind, replica: replica.name, at, until: machineMs() });
  return true;
}

async function stopAt(
  { journal }: Context,
  replica: ReplicaUnderTest,
  { kind, moment = 'requesting', skip }: PlannedFault,
  ms: number,
): Promise<boolean> {
  const armed = replica.arm({ id: randomUUID(), moment, action: 'stop', skip });
  const fact = await reached(armed, replica);
  armed.disarm();
  if (!fact) return false;
  const at = Number(fact['machineMs']);
  replica.stop(true);
  await delay(ms);
  replica.continue();
  journal.hit({ kind: `${kind}:${moment}`, replica: replica.name, at, until: machineMs() });
  return true;
}

async function delayAt(
  { journal }: Context,
  replica: ReplicaUnderTest,
  { kind, moment = 'answered', skip }: PlannedFault,
  ms: number,
): Promise<boolean> {
  const armed = replica.arm({ id: randomUUID(), moment, action: 'delay', delayMs: ms, skip });
  const fact = await reached(armed, replica);
  armed.disarm();
  if (!fact) return false;
  const at = Number(fact['machineMs']);
  const attemptId = String(fact['attemptId']);
  journal.hit({ kind: `${kind}:${moment}`, replica: replica.name, attemptId, at, until: at + ms });
  return true;
}

async function diskFull({ journal }: Context, replica: ReplicaUnderTest, ms: number): Promise<boolean> {
  const { disk } = replica.settings;
  let refused = false;
  const unwatch = replica.watch((line) => {
    if (/spool_unavailable|ENOSPC|EFBIG/.test(JSON.stringify(line))) refused = true;
  });
  const { pid } = replica;
  const at = machineMs();
  disk.fill(pid);
  try {
    await delay(ms);
  } finally {
    disk.free(pid);
    unwatch();
  }
  if (refused) journal.hit({ kind: 'disk_full', replica: replica.name, at, until: machineMs() });
  return refused;
}

/** Minutes either way; what the plan's share means below a half is back in time. */
function jumpOf(length: number): number {
  return Math.round((length - 0.5) * 1_200) || 300;
}

async function clockJump({ journal }: Context, replica: ReplicaUnderTest, length: number): Promise<boolean> {
  const { fakeTime } = replica.settings;
  if (!fakeTime) return false;
  const at = machineMs();
  const seconds = jumpOf(length);
  let seen: () => void = () => undefined;
  const jumped = new Promise<true>((resolve) => (seen = () => resolve(true)));
  const unwatch = replica.watch((line) => {
    const time = Date.parse(String(line['time']));
    if (Math.abs(time - Date.now() - seconds * 1_000) < 30_000) seen();
  });
  fakeTime.jump(seconds);
  const hit = await within(jumped);
  unwatch();
  if (hit) journal.hit({ kind: 'clock_jump', replica: replica.name, at, until: machineMs() });
  return hit === true;
}

async function clockOffAtStart(
  { journal, revivals }: Context,
  replica: ReplicaUnderTest,
  length: number,
): Promise<boolean> {
  const { fakeTime } = replica.settings;
  if (!fakeTime) return false;
  const at = machineMs();
  fakeTime.jump(jumpOf(length));
  await replica.kill();
  await revivals.begin(replica);
  journal.hit({ kind: 'clock_off_at_start', replica: replica.name, at, until: machineMs() });
  return true;
}
