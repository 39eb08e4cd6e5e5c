import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from './account.js';
import { EmbeddedPostgresError } from './errors.js';
import { readPostmasterPid } from './leftover.js';

/** Crash recovery after a kill may have to replay a good deal of log. */
const READY_TIMEOUT_MS = 120_000;
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;

/** How to shut down ("Shutting Down the Server", manual section 18.5). */
export type StopMode = 'fast' | 'immediate';

/** What one server process is started with. */
export interface ServerCommand {
  readonly postgres: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly account: Account | undefined;
}

/** One running `postgres`, a child of this process in a process group of its own. */
export class ServerProcess {
  readonly #child: ChildProcess;
  /** Resolved once the process is gone, with what ended it. */
  readonly exited: Promise<string>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `status ${code}`));
    });
    // When this process ends without having stopped its server, ask it to follow. One signal, no waiting.
    const follow = (): void => void child.kill('SIGINT');
    process.once('exit', follow);
    void this.exited.then(() => process.off('exit', follow));
  }

  /**
   * Starts the server and waits until it accepts connections.
   *
   * @throws EmbeddedPostgresError `PORT_IN_USE`, `START_FAILED` with the end of the log
   */
  static async start(command: ServerCommand): Promise<ServerProcess> {
    const logFrom = rotateLog(command.logFile);
    const log = openSync(command.logFile, 'a', 0o600);
    const { account } = command;
    const child = spawn(command.postgres, ['-D', command.dataDir, ...asArguments(command)], {
      cwd: command.dataDir,
      // Ctrl-C in a terminal goes to the whole foreground group; the server must outlive its clients.
      detached: true,
      // A file, not a pipe: the server must be able to write when this process has been killed.
      stdio: ['ignore', log, log],
      // Nothing inherited: PGDATA, PGPORT and friends would change what is run.
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
      ...(account && { uid: account.uid, gid: account.gid }),
    });
    closeSync(log);
    const server = new ServerProcess(child);
    try {
      await server.#ready(command.dataDir);
      return server;
    } catch (cause) {
      await server.stop('immediate');
      throw explain(command, cause, readFileSync(command.logFile).subarray(logFrom).toString());
    }
  }

  /** Process id of the postmaster. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether the process has not ended yet. */
  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Stops the server and waits until it is gone; a server that does not hear is killed in the end. */
  async stop(mode: StopMode): Promise<void> {
    if (mode === 'fast' && (await this.#signal('SIGINT', 30_000))) return;
    if (await this.#signal('SIGQUIT', 10_000)) return;
    await this.kill();
  }

  /** SIGKILL, as a crash would end it: nothing is flushed, the next start runs crash recovery. */
  async kill(): Promise<void> {
    await this.#signal('SIGKILL', 10_000);
  }

  async #signal(signal: NodeJS.Signals, waitMs: number): Promise<boolean> {
    if (!this.running) return true;
    this.#child.kill(signal);
    const timeout = new AbortController();
    const expired = sleep(waitMs, false, { signal: timeout.signal }).catch(() => false);
    const gone = await Promise.race([this.exited.then(() => true), expired]);
    timeout.abort();
    return gone;
  }

  async #ready(dataDir: string): Promise<void> {
    let ended: string | undefined;
    void this.exited.then((how) => (ended = how));
    for (const end = Date.now() + READY_TIMEOUT_MS; Date.now() < end; await sleep(20)) {
      if (ended !== undefined) throw new Error(`the server ended with ${ended}`);
      // The same test as pg_ctl's: the server writes its state into its pid file.
      const state = readPostmasterPid(dataDir);
      if (state?.ready === true && state.pid === this.pid) return;
    }
    throw new Error(`the server was not ready within ${READY_TIMEOUT_MS / 1000} s`);
  }
}

function asArguments({ port, settings }: ServerCommand): string[] {
  return Object.entries({ ...settings, port: String(port) }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
}

/** @returns the offset at which this run's part of the log starts, in bytes */
function rotateLog(logFile: string): number {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size < LOG_LIMIT_BYTES) return size;
  renameSync(logFile, `${logFile}.1`);
  return 0;
}

function explain({ port, logFile }: ServerCommand, cause: unknown, log: string): EmbeddedPostgresError {
  if (/could not (bind|create any TCP\/IP sockets)/.test(log)) {
    return new EmbeddedPostgresError(
      'PORT_IN_USE',
      `Port ${port} on 127.0.0.1 is in use by another program.`,
      { cause },
    );
  }
  const tail = log.trimEnd().split('\n').slice(-12).join('\n  ');
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EmbeddedPostgresError(
    'START_FAILED',
    `PostgreSQL did not start: ${reason}. From ${logFile}:\n  ${tail}`,
    { cause },
  );
}
