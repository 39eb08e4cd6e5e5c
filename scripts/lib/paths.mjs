import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the checkout, wherever the command was started from. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Absolute path of something in the checkout. */
export const inRoot = (...parts) => join(ROOT, ...parts);

/** Content of a file of the checkout, or `undefined` without one. */
export function readIfThere(path) {
  try {
    return readFileSync(inRoot(path), 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/**
 * Files below some files and directories of the checkout, as sorted paths with forward slashes; what does
 * not exist is left out.
 *
 * @param {string[]} paths
 * @param {(path: string) => boolean} [keep]
 */
export function listFiles(paths, keep = () => true) {
  /** @type {string[]} */
  const found = [];
  const visit = (path) => {
    const stat = statSync(inRoot(path), { throwIfNoEntry: false });
    if (stat?.isDirectory()) readdirSync(inRoot(path)).forEach((name) => visit(`${path}/${name}`));
    else if (stat?.isFile() && keep(path)) found.push(path);
  };
  paths.forEach((path) => visit(path.split(sep).join('/')));
  return found.sort();
}

/**
 * One hash over names and contents. Contents, not times: `git checkout` changes the times of files that
 * stay the same, and hashing the few hundred files of this project takes some 20 ms.
 */
export function hashOf(files, ...extra) {
  const hash = createHash('sha256').update(JSON.stringify([files, extra]));
  for (const file of files) hash.update(readFileSync(inRoot(file))).update('\0');
  return hash.digest('hex');
}
