import { existsSync, writeFileSync } from 'node:fs';
import { runStep } from './command.mjs';
import { hashOf, inRoot, readIfThere } from './paths.mjs';

/** In node_modules, so that it is gone when that is: `npm ci` deletes the whole directory first. */
const STAMP = 'node_modules/.token-broker-setup';
const NETWORK =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT)\b/;

/** Whether node_modules is what package-lock.json says, for this Node and platform. */
export function packagesAreCurrent() {
  const stamp = readIfThere(STAMP);
  return stamp === undefined ? installedMatchesLock() : stamp === wanted();
}

/** Runs `npm ci`, unless there is no need. */
export async function installPackages() {
  if (packagesAreCurrent()) {
    if (!existsSync(inRoot(STAMP))) writeFileSync(inRoot(STAMP), wanted());
    return;
  }
  const npm = process.env.npm_execpath;
  // The npm that runs us, if one does; its development dependencies are needed whatever NODE_ENV says.
  const [program, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  await runStep(
    'Installing packages (npm ci)',
    program,
    [...first, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
    explain,
  );
  writeFileSync(inRoot(STAMP), wanted());
}

function wanted() {
  const major = process.versions.node.split('.')[0];
  return hashOf(['package-lock.json'], major, process.platform, process.arch);
}

/**
 * Someone who ran `npm ci` or `npm install` by hand does not need a second one. npm writes this file when
 * it has finished, so that an interrupted installation is not taken for a whole one.
 */
function installedMatchesLock() {
  const installed = parsePackages('node_modules/.package-lock.json');
  const locked = parsePackages('package-lock.json');
  if (installed === undefined || locked === undefined) return false;
  const known = Object.entries(locked).filter(([path]) => path !== '');
  const missing = known.some(
    ([path, entry]) => installed[path]?.version !== entry.version && !foreign(entry),
  );
  return !missing && Object.keys(installed).every((path) => locked[path] !== undefined);
}

function parsePackages(path) {
  const text = readIfThere(path);
  return text === undefined ? undefined : JSON.parse(text).packages;
}

/** A package for other systems: npm leaves it out. */
function foreign({ optional, os, cpu, libc }) {
  if (optional !== true) return false;
  const isFor = (list, value) => list === undefined || list.includes(value);
  return !isFor(os, process.platform) || !isFor(cpu, process.arch) || libc !== undefined;
}

function explain(output) {
  const code = NETWORK.exec(output)?.[1];
  if (code === undefined) return undefined;
  return `The package registry could not be reached (${code}). Check the network or the proxy settings, then run the same command again.`;
}
