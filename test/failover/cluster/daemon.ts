import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Account } from './programs.js';

/** How to run a program of the cluster. */
export interface DaemonOptions {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Has to lie below the run's directory: by it the process is found again. */
  readonly cwd: string;
  readonly logFile: string;
  readonly account: Account | undefined;
}

/** One program of the cluster, in a process group of its own, so that Ctrl-C reaches the runner only. */
export class Daemon {
  private readonly child: ChildProcess;
  private ended: string | undefined;

  constructor(private readonly options: DaemonOptions) {
    const { program, args, cwd, logFile, account } = options;
    // A file, not a pipe: the program must be able to write when the runner has been killed.
    const log = openSync(logFile, 'a', 0o600);
    this.child = spawn(program, args, {
      cwd,
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], HOME: cwd, LC_ALL: 'C.UTF-8' },
      ...(account && { uid: account.uid, gid: account.gid }),
    });
    closeSync(log);
    this.child.once('error', (error) => (this.ended = error.message));
    this.child.once('exit', (code, signal) => (this.ended = signal ?? `status ${code}`));
  }

  /** @throws where the program has ended, with the end of its log */
  assertRunning(): void {
    if (this.ended === undefined) return;
    const { name, logFile } = this.options;
    const tail = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n  ');
    throw new Error(`${name} ended with ${this.ended}. From ${logFile}:\n  ${tail}`);
  }
}
