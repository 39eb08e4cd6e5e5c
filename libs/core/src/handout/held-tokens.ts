import type { AccessToken, Connection } from '../connection/connection.js';
import { isStoreUnavailable } from '../errors.js';
import type { EventSink } from '../events.js';
import { connectionName } from '../resource-names.js';
import type { RotationListener } from '../rotation/rotator.js';
import type { SpendOutcome } from '../rotation/finish-rotation.js';
import { sealingContext, type Sealer } from '../sealer.js';
import type { ConnectionWithTokens, TokenStore } from './ports.js';

/** What a replica holds of one connection: enough to answer without the database. */
export interface HeldConnection {
  readonly connection: Connection;
  /** By variant key. */
  readonly tokens: ReadonlyMap<string, AccessToken>;
}

/** How many changes are looked up with one query. */
const RELOAD_BATCH = 200;

/**
 * The access tokens that this replica holds in memory: those that were asked for here and those that it
 * rotated itself. It follows the changes made elsewhere, and goes on serving what it holds while the
 * database is away (promise P6). Bounded: the least recently loaded goes first.
 */
export class HeldTokens implements RotationListener {
  private readonly byName = new Map<string, HeldConnection>();
  private readonly nameByUid = new Map<string, string>();
  private readonly stale = new Set<string>();
  private reloading = false;

  constructor(
    private readonly store: TokenStore,
    private readonly sealer: Sealer,
    private readonly events: EventSink,
    private readonly capacity: number,
  ) {}

  /** What is held under a connection's name. */
  get(name: string): HeldConnection | undefined {
    return this.byName.get(name);
  }

  /** How many connections are held. */
  get size(): number {
    return this.byName.size;
  }

  /** Opens and keeps what the database has. A newer revision that is held already stays. */
  async keep(found: ConnectionWithTokens): Promise<HeldConnection> {
    const { connection } = found;
    const name = connectionName(connection);
    const held = this.byName.get(name);
    const reusable = held?.connection.uid === connection.uid ? held.tokens : new Map<string, AccessToken>();
    const tokens = new Map<string, AccessToken>();
    for (const stored of found.tokens) {
      const known = reusable.get(stored.variantKey);
      if (known?.generation === stored.generation && known.expiresAt === stored.expiresAt) {
        tokens.set(stored.variantKey, known);
        continue;
      }
      const context = sealingContext.accessToken(connection.uid, stored.variantKey, stored.generation);
      tokens.set(stored.variantKey, { ...stored, token: await this.sealer.open(stored.token, context) });
    }
    return this.put(name, { connection, tokens });
  }

  /** A hint that a connection has changed: what is held of it is looked up again. */
  changed(uid: string): void {
    if (!this.nameByUid.has(uid)) return;
    this.stale.add(uid);
    void this.reload();
  }

  /** Hints may have been missed: everything held is looked up again. */
  changedUnknown(): void {
    for (const uid of this.nameByUid.keys()) this.stale.add(uid);
    void this.reload();
  }

  /** Keeps the outcome of this replica's own rotation at once, saved or not yet. */
  rotationEnded(outcome: SpendOutcome): void {
    if (outcome.kind !== 'rotated') return;
    const { connection: before, token, generation, tokenTtlMs } = outcome;
    const name = connectionName(before);
    const held = this.byName.get(name);
    const isDefault = token.variantKey === '';
    const connection: Connection = {
      ...before,
      state: 'ACTIVE',
      generation,
      revision: before.revision + 1,
      tokenTtlMs,
      failureCount: 0,
      ...(isDefault ? { expiresAt: token.expiresAt, scopes: token.scopes } : {}),
    };
    const tokens = new Map(held?.connection.uid === before.uid ? held.tokens : []);
    tokens.set(token.variantKey, token);
    this.put(name, { connection, tokens });
  }

  private put(name: string, next: HeldConnection): HeldConnection {
    const held = this.byName.get(name);
    const sameRow = held?.connection.uid === next.connection.uid;
    if (held && sameRow && held.connection.revision > next.connection.revision) return held;
    this.byName.delete(name);
    this.byName.set(name, next);
    this.nameByUid.set(next.connection.uid, name);
    if (this.byName.size > this.capacity) this.forgetOldest();
    return next;
  }

  private forget(name: string): void {
    const held = this.byName.get(name);
    if (!held) return;
    this.byName.delete(name);
    this.nameByUid.delete(held.connection.uid);
  }

  private forgetOldest(): void {
    const [oldest] = this.byName.keys();
    if (oldest !== undefined) this.forget(oldest);
  }

  /** One that does not open must not take the others of its batch along; what is held of it stays. */
  private async keepIfItOpens(found: ConnectionWithTokens): Promise<void> {
    try {
      await this.keep(found);
    } catch (error) {
      this.events.emit({ type: 'fault', during: 'reload', error });
    }
  }

  private async reload(): Promise<void> {
    if (this.reloading) return;
    this.reloading = true;
    try {
      while (this.stale.size > 0) {
        const uids = [...this.stale].slice(0, RELOAD_BATCH);
        const found = await this.store.findByUids(uids);
        for (const uid of uids) this.stale.delete(uid);
        const present = new Set(found.map(({ connection }) => connection.uid));
        for (const one of found) await this.keepIfItOpens(one);
        for (const uid of uids) {
          const name = this.nameByUid.get(uid);
          if (name !== undefined && !present.has(uid)) this.forget(name);
        }
      }
    } catch (error) {
      // While the database is away the hints are kept; its return is a hint of its own.
      if (!isStoreUnavailable(error)) this.events.emit({ type: 'fault', during: 'reload', error });
    } finally {
      this.reloading = false;
    }
  }
}
