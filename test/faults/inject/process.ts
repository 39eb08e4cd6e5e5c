import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Moment } from '#libs/core';
import { machineMs } from '../broker/tell.js';
import type { ReplicaUnderTest } from '../fleet/replica.js';
import { TIMINGS } from '../fleet/timings.js';
import type { PlannedFault } from '../plan/plan.js';
import { freeReplica, holding, reached, within, type Context } from './context.js';

/** What is done to a process: it ends, and comes back. */
export async function toAProcess(context: Context, fault: PlannedFault): Promise<boolean> {
  if (fault.kind === 'kill_all') return killAll(context);
  const replica = freeReplica(context, fault.replica);
  if (!replica) return false;
  return holding(context, replica, async () => {
    switch (fault.kind) {
      case 'kill':
        return kill(context, replica);
      case 'terminate':
        return terminate(context, replica);
      case 'kill_at':
        return killAt(context, replica, fault);
      default:
        throw new Error(`${fault.kind} is not done to a process`);
    }
  });
}

async function kill({ journal, revivals }: Context, replica: ReplicaUnderTest): Promise<boolean> {
  const at = machineMs();
  await replica.kill();
  journal.hit({ kind: 'kill', replica: replica.name, at, until: machineMs() });
  void revivals.begin(replica);
  return true;
}

async function killAll({ fleet, journal, revivals, taken }: Context): Promise<boolean> {
  const free = fleet.serving.filter((replica) => !taken.has(replica));
  const at = machineMs();
  await Promise.all(free.map((replica) => replica.kill()));
  for (const replica of free) {
    journal.hit({ kind: 'kill_all', replica: replica.name, at, until: machineMs() });
  }
  for (const replica of free) void revivals.begin(replica);
  return free.length > 0;
}

async function terminate({ journal, revivals }: Context, replica: ReplicaUnderTest): Promise<boolean> {
  const at = machineMs();
  const status = await replica.terminate();
  journal.hit({ kind: 'terminate', replica: replica.name, at, until: machineMs() });
  if (status !== 0) {
    const detail = `SIGTERM ended with status ${status}`;
    journal.remark({ what: 'broker_exit', replica: replica.name, detail });
  }
  await revivals.begin(replica);
  return true;
}

async function killAt(context: Context, replica: ReplicaUnderTest, fault: PlannedFault): Promise<boolean> {
  const { moment = 'claimed' } = fault;
  if (moment === 'replaying' || moment === 'replayed') return killAtReplay(context, replica, moment);
  if (moment === 'taken_over') return killAtTakeOver(context, replica);
  return killItself(context, replica, moment, fault.skip);
}

/** Lets the replica kill itself when an attempt comes to the moment. */
async function killItself(
  context: Context,
  replica: ReplicaUnderTest,
  moment: Moment,
  skip: number,
  back: () => Promise<void> = () => Promise.resolve(),
): Promise<boolean> {
  const { journal, revivals } = context;
  replica.expectKill(true);
  const armed = replica.arm({ id: randomUUID(), moment, action: 'kill', skip });
  const fact = await reached(armed, replica);
  if (!fact) {
    armed.disarm();
    return endWithout(context, replica, moment);
  }
  await replica.exited();
  const attemptId = String(fact['attemptId']);
  const at = Number(fact['machineMs']);
  journal.hit({ kind: `kill_at:${moment}`, replica: replica.name, at, until: machineMs() });
  journal.note('killed at', { moment, replica: replica.name, attemptId, connection: fact['connection'] });
  await back();
  void revivals.begin(replica);
  return true;
}

/**
 * The moment did not come in time. The order to disarm may be too late for it: then it was a hit after all. An
 * end by anything else must not be.
 */
async function endWithout(
  { journal, revivals }: Context,
  replica: ReplicaUnderTest,
  moment: Moment,
): Promise<boolean> {
  await within(replica.exited(), 300);
  replica.expectKill(false);
  if (replica.isServing) return false;
  const late = replica.endedBy === 'SIGKILL';
  const at = machineMs();
  if (late) journal.hit({ kind: `kill_at:${moment}`, replica: replica.name, at: at - 1_000, until: at });
  else journal.remark({ what: 'broker_exit', replica: replica.name, detail: `ended by ${replica.endedBy}` });
  void revivals.begin(replica);
  return late;
}

/** First there has to be something to replay; then the new life ends in the middle of it. */
async function killAtReplay(context: Context, replica: ReplicaUnderTest, moment: Moment): Promise<boolean> {
  const { journal } = context;
  return killItself(context, replica, 'answer_journaled', 0, async () => {
    const id = randomUUID();
    const told = replica.whenReached(id);
    replica.expectKill(true);
    if (await replica.start([{ id, moment, action: 'kill', skip: 0 }], true)) {
      replica.forget(id);
      replica.expectKill(false);
      return;
    }
    const fact = await within(told, 1_000);
    if (!fact) return;
    const at = Number(fact['machineMs']);
    journal.hit({ kind: `kill_at:${moment}`, replica: replica.name, at, until: machineMs() });
  });
}

/** First there has to be something to take over: another replica that does not come back before its deadline. */
async function killAtTakeOver(context: Context, replica: ReplicaUnderTest): Promise<boolean> {
  const victim = freeReplica(context, context.fleet.replicas.indexOf(replica) + 1);
  if (!victim) return false;
  return holding(context, victim, () =>
    killItself(context, victim, 'journaled', 0, async () => {
      const others = context.fleet.serving.filter((one) => one === replica || !context.taken.has(one));
      const taking = Promise.all(
        others.map((other) => killItselfOnce(context, other, TIMINGS.attemptDeadlineMs + 2_000)),
      );
      await delay(TIMINGS.attemptDeadlineMs + 1_000);
      await taking;
    }),
  );
}

/** Only one of those that could take over does; the others are disarmed. */
async function killItselfOnce(context: Context, replica: ReplicaUnderTest, waitMs: number): Promise<void> {
  const { journal, revivals } = context;
  replica.expectKill(true);
  const armed = replica.arm({ id: randomUUID(), moment: 'taken_over', action: 'kill', skip: 0 });
  const fact = await reached(armed, replica, waitMs);
  if (!fact) {
    armed.disarm();
    await endWithout(context, replica, 'taken_over');
    return;
  }
  await replica.exited();
  const at = Number(fact['machineMs']);
  journal.hit({ kind: 'kill_at:taken_over', replica: replica.name, at, until: machineMs() });
  void revivals.begin(replica);
}
