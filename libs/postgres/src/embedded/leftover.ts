import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedPostgresError, hasCode } from './errors.js';
import { isPostmasterOf, processIdentity } from './process-identity.js';

/** How a server is asked to stop, gentlest first ("Shutting Down the Server", manual section 18.5). */
const ESCALATION: readonly { signal: NodeJS.Signals; waitMs: number }[] = [
  { signal: 'SIGINT', waitMs: 20_000 }, // fast: roll back, checkpoint, exit
  { signal: 'SIGQUIT', waitMs: 10_000 }, // immediate: exit now, recover at the next start
  { signal: 'SIGKILL', waitMs: 5_000 }, // a stopped (SIGSTOP) server hears nothing else
];

/**
 * Deals with what an earlier run left behind in `postmaster.pid`: a server that lost its starter is
 * stopped, and a pid that now belongs to some other program is forgotten, that program left in peace.
 *
 * @param ours whether the earlier starter is known, and known to be dead. A server of unknown origin is
 *   never stopped: somebody may be using it.
 * @throws EmbeddedPostgresError `FOREIGN_SERVER`, `STOP_FAILED`
 */
export async function clearLeftover(
  dataDir: string,
  ours: boolean,
  log: (line: string) => void,
): Promise<void> {
  const pid = readPostmasterPid(dataDir)?.pid;
  if (pid === undefined) return;
  const identity = processIdentity(pid);
  if (identity === undefined) return; // PostgreSQL itself recognises, and replaces, a dead server's file
  if (!isPostmasterOf(pid, dataDir)) {
    // The pid was reused. PostgreSQL would refuse to start because a process of that pid exists.
    log(
      `${join(dataDir, 'postmaster.pid')} names process ${pid}, which is not this server: removed as stale.`,
    );
    rmSync(join(dataDir, 'postmaster.pid'), { force: true });
    return;
  }
  if (!ours) {
    throw new EmbeddedPostgresError(
      'FOREIGN_SERVER',
      `A PostgreSQL server (process ${pid}) that was not started from here runs on ${dataDir}. Stop it with "kill -INT ${pid}", then start again.`,
    );
  }
  log(`Stopping the PostgreSQL server (process ${pid}) that an earlier run left behind.`);
  await stopProcess(pid, identity, dataDir);
}

/** What `postmaster.pid` says, or `undefined` without one ("pidfile.h" fixes the lines of the file). */
export function readPostmasterPid(dataDir: string): { pid: number; ready: boolean } | undefined {
  try {
    const lines = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number.parseInt(lines[0] ?? '', 10);
    return Number.isNaN(pid) ? undefined : { pid, ready: lines[7]?.trim() === 'ready' };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function stopProcess(pid: number, identity: string, dataDir: string): Promise<void> {
  for (const { signal, waitMs } of ESCALATION) {
    if (!isPostmasterOf(pid, dataDir)) return;
    try {
      process.kill(pid, signal);
    } catch (cause) {
      if (processIdentity(pid) !== identity) return;
      throw stopFailed(pid, cause);
    }
    for (const end = Date.now() + waitMs; Date.now() < end; await sleep(25)) {
      if (processIdentity(pid) !== identity) return;
    }
  }
  throw stopFailed(pid);
}

function stopFailed(pid: number, cause?: unknown): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'STOP_FAILED',
    `The PostgreSQL server (process ${pid}) of an earlier run could not be stopped. Stop it by hand, then start again.`,
    { cause },
  );
}
