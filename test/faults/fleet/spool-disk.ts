import { execFileSync } from 'node:child_process';
import { mkdirSync, openSync, closeSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** How a full disk is had. */
export type FullDiskMeans = 'tmpfs' | 'RLIMIT_FSIZE';

const DISK_BYTES = 64 * 1024 * 1024;

/**
 * The disk that a replica's spool is on. As root, it is a small file system of its own, which is filled up to
 * the last byte (ENOSPC); elsewhere, the process's limit for file sizes is lowered (EFBIG, setrlimit(2)).
 */
export class SpoolDisk {
  readonly spoolDir: string;
  readonly means: FullDiskMeans;
  private readonly ballast: string;

  constructor(private readonly dir: string) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.means = mounted(dir) ? 'tmpfs' : 'RLIMIT_FSIZE';
    this.spoolDir = join(dir, 'spool');
    this.ballast = join(dir, 'ballast');
  }

  /** From now on nothing more can be written. */
  fill(pid: number): void {
    if (this.means === 'RLIMIT_FSIZE') {
      execFileSync('prlimit', ['--pid', String(pid), '--fsize=1:unlimited']);
      return;
    }
    const file = openSync(this.ballast, 'a', 0o600);
    try {
      for (const size of [1 << 20, 1 << 12, 1]) {
        const block = Buffer.alloc(size, 120);
        while (written(file, block));
      }
    } finally {
      closeSync(file);
    }
  }

  /** There is room again. */
  free(pid: number): void {
    if (this.means === 'tmpfs') rmSync(this.ballast, { force: true });
    else execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited:unlimited']);
  }

  /** Gives the file system back; harmless where there is none. */
  release(): void {
    if (this.means !== 'tmpfs') return;
    try {
      execFileSync('umount', ['--lazy', this.dir], { stdio: 'ignore' });
    } catch {
      // It has been given back before.
    }
  }
}

function mounted(dir: string): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES},mode=0700`, 'token-broker-faults', dir], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

/** Writes a block; answers whether all of it found room. */
function written(file: number, block: Buffer): boolean {
  try {
    return writeSync(file, block) === block.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
