import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * What tells one process from a later one that got the same pid: when it started. A pid alone proves
 * nothing, because pids are reused.
 *
 * @returns an opaque text to compare for equality; `undefined` when no such process runs (a zombie
 *   counts as not running: it holds nothing any more)
 */
export function processIdentity(pid: number): string | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid);
}

/**
 * Whether `pid` is a PostgreSQL server (the postmaster, not one of its children) that works on exactly
 * this data directory. Asked before any signal is sent, so that no foreign process is ever signalled.
 *
 * @param dataDir absolute path, symbolic links resolved
 */
export function isPostmasterOf(pid: number, dataDir: string): boolean {
  if (processIdentity(pid) === undefined) return false;
  if (process.platform !== 'linux') {
    const command = ps(pid, 'command') ?? '';
    return /(^|\/)postgres\s/.test(command) && command.includes(dataDir);
  }
  const argv = readOrUndefined(`/proc/${pid}/cmdline`)?.split('\0') ?? [];
  // A child's title is rewritten to "postgres: checkpointer"; only the postmaster keeps its plain name.
  if (basename(argv[0] ?? '') !== 'postgres') return false;
  return argv.includes(dataDir) || workingDirectory(pid) === dataDir;
}

function linuxIdentity(pid: number): string | undefined {
  const stat = readOrUndefined(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name, in parentheses, may hold spaces: count the fields after it. See proc_pid_stat(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const startTicks = fields[19];
  if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined;
  // Ticks count from boot, so the boot is part of the identity.
  const boot = readOrUndefined('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  return `${boot}:${startTicks}`;
}

function psIdentity(pid: number): string | undefined {
  if (ps(pid, 'stat')?.startsWith('Z') === true) return undefined;
  return ps(pid, 'lstart');
}

function ps(pid: number, column: string): string | undefined {
  try {
    const out = execFileSync('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'] ?? '/bin:/usr/bin', LC_ALL: 'C' },
    }).trim();
    return out === '' ? undefined : out;
  } catch {
    return undefined;
  }
}

function workingDirectory(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
