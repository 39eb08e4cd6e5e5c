import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inRoot } from './paths.mjs';

/** Not below node_modules or dist: both are deleted while the lock is held. */
const LOCK = inRoot('.data', 'setup.lock');

/** What our own lock file says while we hold the lock. */
let mine;

/**
 * Does the work while no other setup of this checkout does any: `npm start` and `npm test` may be started
 * at the same moment. A lock whose holder is dead is taken over.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(work) {
  const content = JSON.stringify([identityOf(process.pid)]);
  await acquire(content);
  mine = content;
  const release = () => {
    if (read() === mine) rmSync(LOCK, { force: true });
  };
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

/**
 * Lets the lock live as long as this child does, too: when a setup is killed, the `npm ci` that it started
 * goes on for a while, and a second one must not run beside it.
 *
 * @param {number | undefined} pid
 */
export function holdLockFor(pid) {
  if (mine === undefined || pid === undefined) return;
  mine = JSON.stringify([identityOf(process.pid), identityOf(pid)]);
  const draft = `${LOCK}.${process.pid}`;
  writeFileSync(draft, mine);
  renameSync(draft, LOCK);
}

async function acquire(content) {
  mkdirSync(dirname(LOCK), { recursive: true });
  const draft = `${LOCK}.${process.pid}`;
  writeFileSync(draft, content);
  try {
    let told = false;
    while (!tryLink(draft)) {
      const holder = read();
      if (holder === undefined) continue;
      if (!lives(holder)) {
        // Another waiter may have replaced it since: look again, just before.
        if (read() === holder) rmSync(LOCK, { force: true });
        continue;
      }
      if (!told)
        process.stderr.write(`Waiting for the setup that process ${JSON.parse(holder)[0].pid} is running…\n`);
      told = true;
      await sleep(200);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A link appears with its content or not at all, and fails when the name is taken. */
function tryLink(draft) {
  try {
    linkSync(draft, LOCK);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function read() {
  try {
    return readFileSync(LOCK, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function lives(holder) {
  try {
    return JSON.parse(holder).some(({ pid, start }) => isRunning(pid) && identityOf(pid).start === start);
  } catch {
    return false; // not a lock of ours: nobody can be waiting behind it
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** With the time of the start, where the system tells (Linux): a pid alone may have been reused. */
function identityOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return { pid, start: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] };
  } catch {
    return { pid, start: 'unknown' };
  }
}
