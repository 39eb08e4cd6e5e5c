import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process, as `/proc` shows it. */
export interface RunningProcess {
  readonly pid: number;
  /** The command line, or the title that PostgreSQL gives its processes. */
  readonly title: string;
}

const END_WITHIN_MS = 15_000;

/**
 * Processes that work in or below a directory. A run's directory is its own, and everything that is started
 * for it works there, PostgreSQL's processes included: a server whose parent was killed is found as well, and
 * nobody else's process ever is.
 */
export function processesBelow(dir: string): RunningProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => isBelow(workingDirectory(pid), dir))
    .map((pid) => ({ pid: Number(pid), title: titleOf(pid) }));
}

/** Sends a signal to each; one that is gone already is no error. */
export function signal(processes: readonly { readonly pid: number }[], name: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/**
 * Ends everything below a directory with SIGKILL, also what is stopped and what is started meanwhile.
 * @throws where something does not end
 */
export async function endProcessesBelow(dir: string): Promise<void> {
  for (const deadline = Date.now() + END_WITHIN_MS; ;) {
    const left = processesBelow(dir);
    if (left.length === 0) return;
    if (Date.now() > deadline) throw new Error(`These did not end: ${describe(left)}`);
    signal(left, 'SIGKILL');
    await sleep(50);
  }
}

function describe(processes: readonly RunningProcess[]): string {
  return processes.map(({ pid, title }) => `${pid} (${title.slice(0, 60)})`).join(', ');
}

function isBelow(path: string | undefined, dir: string): boolean {
  return path !== undefined && (path === dir || path.startsWith(`${dir}/`));
}

function workingDirectory(pid: string): string | undefined {
  try {
    // A directory that was removed is shown with " (deleted)" behind its name.
    return readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, '');
  } catch {
    return undefined;
  }
}

function titleOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}
