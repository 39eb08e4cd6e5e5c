import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import type { Account } from './programs.js';

/** Makes a directory that only the cluster's account enters. */
export function makeDirectory(dir: string, account: Account | undefined): void {
  mkdirSync(dir, { recursive: true });
  own(dir, 0o700, account);
}

/** Writes a file that only the cluster's account reads: it may hold passwords. */
export function writePrivate(file: string, text: string, account: Account | undefined): void {
  writeFileSync(file, text, { mode: 0o600 });
  own(file, 0o600, account);
}

function own(path: string, mode: number, account: Account | undefined): void {
  chmodSync(path, mode);
  if (account) chownSync(path, account.uid, account.gid);
}
