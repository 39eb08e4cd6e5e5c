import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The repository's root, from the source and from `dist/` alike. */
export const ROOT = fileURLToPath(
  new URL(import.meta.url.includes('/dist/') ? '../../../../' : '../../../', import.meta.url),
);

/** A line that a child printed, parsed where it is JSON. */
export type ChildLine = { readonly text: string; readonly json: Record<string, unknown> | undefined };

/** How to run a child. */
export interface ChildOptions {
  readonly name: string;
  /** Its entry below `dist/`. */
  readonly entry: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly onLine?: (line: ChildLine) => void;
}

/** A child ended before it was ready, or with a failure; the message is what it said last. */
export class ChildFailedError extends Error {
  override readonly name = 'ChildFailedError';
}

/** What of our own environment children get: nothing that configures them by accident. */
function inherited(): Record<string, string> {
  const passed = [
    'PATH',
    'HOME',
    'TMPDIR',
    'LANG',
    'TZ',
    'NODE_OPTIONS',
    'NODE_EXTRA_CA_CERTS',
    'LD_PRELOAD',
  ];
  return Object.fromEntries(passed.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** A Node process of ours: its lines are read, its end is known, and it is stopped by its own id. */
export class Child {
  readonly process: ChildProcess;
  private readonly errors: string[] = [];
  private readonly lineWaiters = new Set<(line: ChildLine) => void>();
  readonly exited: Promise<number>;

  constructor(private readonly options: ChildOptions) {
    const entry = `${ROOT}dist/${options.entry}`;
    this.process = spawn(process.execPath, ['--enable-source-maps', entry, ...(options.args ?? [])], {
      cwd: ROOT,
      env: { ...inherited(), ...options.env },
      // The channel carries nothing: its end tells the child that we are gone, also after a SIGKILL.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own: Ctrl-C reaches the launcher only, which then stops its children in order.
      detached: true,
    });
    this.exited = new Promise((resolve) => {
      this.process.once('error', (error) => {
        this.errors.push(error.message);
        resolve(1);
      });
      this.process.once('exit', (code, signal) => resolve(code ?? (signal ? 128 : 1)));
    });
    this.read('stdout');
    this.read('stderr');
  }

  get pid(): number {
    return this.process.pid ?? -1;
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /**
   * Waits for a line.
   * @throws {ChildFailedError} where the child ends before, or takes longer than it may
   */
  async waitFor(matches: (line: ChildLine) => boolean, timeoutMs = 60_000): Promise<ChildLine> {
    let found: ((line: ChildLine) => void) | undefined;
    const timer = new AbortController();
    try {
      return await Promise.race([
        new Promise<ChildLine>((resolve) => {
          found = (line) => matches(line) && resolve(line);
          this.lineWaiters.add(found);
        }),
        this.exited.then((code): never => {
          throw new ChildFailedError(this.lastWords() || `${this.options.name} ended with status ${code}.`);
        }),
        once(AbortSignal.any([AbortSignal.timeout(timeoutMs), timer.signal]), 'abort').then((): never => {
          throw new ChildFailedError(
            `${this.options.name} was not ready after ${timeoutMs / 1000} s. ${this.lastWords()}`,
          );
        }),
      ]);
    } finally {
      if (found) this.lineWaiters.delete(found);
      timer.abort();
    }
  }

  /** What it last said on standard error. */
  lastWords(): string {
    return this.errors.slice(-20).join('\n').trim();
  }

  /** SIGTERM, and SIGKILL where it takes longer than it may. Answers its exit status. */
  async stop(timeoutMs = 80_000): Promise<number> {
    if (this.running) this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), timeoutMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  private read(stream: 'stdout' | 'stderr'): void {
    const input = this.process[stream];
    if (!input) return;
    createInterface({ input }).on('line', (text) => {
      const line = { text, json: parse(text) };
      if (stream === 'stderr') this.errors.push(text);
      if (this.errors.length > 200) this.errors.splice(0, 100);
      for (const waiter of this.lineWaiters) waiter(line);
      this.options.onLine?.(line);
    });
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
