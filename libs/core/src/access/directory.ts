import { isStoreUnavailable } from '../errors.js';
import type { EventSink } from '../events.js';
import type { OAuthClient } from '../oauth-client/oauth-client.js';
import type { ClientSource } from '../rotation/ports.js';
import { AccessPolicy, type AccessRule, type Workload } from './access.js';

/** The small part of the database that every replica keeps in memory. */
export interface DirectorySnapshot {
  /** Counts every change of any of it. */
  readonly version: number;
  readonly clients: readonly OAuthClient[];
  readonly workloads: readonly Workload[];
  readonly rules: readonly AccessRule[];
}

/** Reads the directory. Both throw `StoreUnavailableError` where the database is away. */
export interface DirectoryStore {
  version(): Promise<number>;
  load(): Promise<DirectorySnapshot>;
}

/**
 * OAuth clients, workloads and access rules in memory, fresh on every replica within a second of a change
 * and good without the database (promises P6, P8, P12).
 */
export class Directory implements ClientSource {
  private version = -1;
  private clients = new Map<string, OAuthClient>();
  private access = AccessPolicy.DENY_ALL;
  private refreshing: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  /**
   * @param administrators identities that administer from the first start on; they come from the
   *   configuration, since somebody has to register the first workload
   */
  constructor(
    private readonly store: DirectoryStore,
    private readonly administrators: readonly string[],
    private readonly events: EventSink,
  ) {}

  /** Who may what, now. */
  get policy(): AccessPolicy {
    return this.access;
  }

  /** All registered OAuth clients, by name. */
  all(): OAuthClient[] {
    return [...this.clients.values()];
  }

  /** An OAuth client as it is in memory. */
  known(clientId: string): OAuthClient | undefined {
    return this.clients.get(clientId);
  }

  /** An OAuth client; looks at the database for one that is not known yet. */
  async client(clientId: string): Promise<OAuthClient | undefined> {
    if (!this.clients.has(clientId)) await this.refresh();
    return this.clients.get(clientId);
  }

  /** Reads the directory if it has changed. @throws {StoreUnavailableError} */
  refresh(): Promise<void> {
    if (!this.refreshing) {
      this.refreshing = this.load().finally(() => (this.refreshing = undefined));
      return this.refreshing;
    }
    // What is being read may be from before the change that this is called for: read once more after it.
    this.next ??= this.refreshing
      .catch(() => undefined)
      .then(() => {
        this.next = undefined;
        return this.refresh();
      });
    return this.next;
  }

  /** {@link Directory.refresh} for timers and hints: while the database is away, what is known stays. */
  async tryRefresh(): Promise<void> {
    try {
      await this.refresh();
    } catch (error) {
      if (!isStoreUnavailable(error)) this.events.emit({ type: 'fault', during: 'directory refresh', error });
    }
  }

  private async load(): Promise<void> {
    if ((await this.store.version()) === this.version) return;
    const snapshot = await this.store.load();
    const administrator: Workload = {
      id: 'administrator',
      identities: this.administrators,
      roles: ['ADMIN'],
      createdAt: 0,
    };
    this.clients = new Map(snapshot.clients.map((client) => [client.id, client]));
    this.access = new AccessPolicy([...snapshot.workloads, administrator], snapshot.rules);
    this.version = snapshot.version;
  }
}
