import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { endProcessesBelow } from './processes.js';

/**
 * Ends what a run left behind when its runner was killed: Patroni and PostgreSQL know nothing of a parent
 * that is gone. It waits at a pipe that only the runner holds the other end of.
 */
async function watch(dir: string, keep: boolean): Promise<void> {
  let dismissed = false;
  for await (const chunk of process.stdin) dismissed ||= String(chunk).includes('done');
  if (dismissed) return;
  await endProcessesBelow(dir);
  if (!keep) rmSync(dir, { recursive: true, force: true });
}

/** Starts the watchdog of a run's directory. Calling what it answers dismisses it. */
export function startWatchdog(dir: string, keep: boolean): () => void {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), dir, String(keep)], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  child.unref();
  child.stdin.on('error', () => undefined);
  return () => void child.stdin.end('done\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] !== undefined) {
  await watch(process.argv[2], process.argv[3] === 'true');
}
