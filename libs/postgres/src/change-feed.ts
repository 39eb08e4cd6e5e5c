import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { ChangeHints } from '#libs/core';

const HEARTBEAT_MS = 5_000;
const RECONNECT_MS = 1_000;

/** Who listens to the feed. */
export interface ChangeListener {
  connectionChanged(uid: string): void;
  directoryChanged(): void;
  /** The feed was interrupted: anything may have changed. Also called when it first begins. */
  mayHaveMissed(): void;
}

/**
 * What other replicas change, by LISTEN/NOTIFY on a connection of its own (PostgreSQL manual, LISTEN).
 * Hints only: whoever acts on them reads the rows. A heartbeat finds a connection that is half open.
 */
export class ChangeFeed implements ChangeHints {
  private readonly stopping = new AbortController();
  private readonly waiters = new Map<string, Set<() => void>>();
  private readonly listeners = new Set<ChangeListener>();
  private running: Promise<void> | undefined;

  constructor(private readonly options: { readonly url: string; readonly applicationName: string }) {}

  /** Adds a listener. */
  subscribe(listener: ChangeListener): void {
    this.listeners.add(listener);
  }

  /** Begins to listen, now and after every interruption. */
  start(): void {
    this.running ??= this.run();
  }

  /** Ends listening. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  changed(uid: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.waiters.get(uid) ?? new Set();
      this.waiters.set(uid, waiting);
      const done = (): void => {
        waiting.delete(done);
        if (waiting.size === 0 && this.waiters.get(uid) === waiting) this.waiters.delete(uid);
        signal.removeEventListener('abort', done);
        resolve();
      };
      waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.listen(signal);
      } catch {
        // The database is away. The scheduler reports that; here it only means to try again.
      }
      await delay(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private async listen(signal: AbortSignal): Promise<void> {
    const client = new Client({
      connectionString: this.options.url,
      application_name: `${this.options.applicationName} feed`,
      keepAlive: true,
      connectionTimeoutMillis: HEARTBEAT_MS,
      query_timeout: HEARTBEAT_MS,
    });
    const broken = new AbortController();
    client.on('error', () => broken.abort());
    client.on('end', () => broken.abort());
    client.on('notification', ({ channel, payload }) => this.notified(channel, payload ?? ''));
    try {
      await client.connect();
      await client.query('LISTEN token_broker_connection');
      await client.query('LISTEN token_broker_directory');
      for (const listener of this.listeners) listener.mayHaveMissed();
      const ended = AbortSignal.any([signal, broken.signal]);
      while (!ended.aborted) {
        await delay(HEARTBEAT_MS, undefined, { signal: ended }).catch(() => undefined);
        if (!ended.aborted) await client.query('SELECT 1');
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  private notified(channel: string, payload: string): void {
    if (channel === 'token_broker_directory') {
      for (const listener of this.listeners) listener.directoryChanged();
      return;
    }
    for (const wake of this.waiters.get(payload) ?? []) wake();
    for (const listener of this.listeners) listener.connectionChanged(payload);
  }
}
