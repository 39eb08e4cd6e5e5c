import { isStoreUnavailable, type Refusal } from '../errors.js';
import type { EventSink } from '../events.js';
import type { SpoolReplay } from '../rotation/replay-spool.js';
import type { SpendingPermit } from '../rotation/spending-permit.js';
import type { KnownDatabase, Spool } from '../rotation/spool.js';
import { judgeDatabase } from './judge-database.js';
import type { DatabaseView, FleetStore, ReplicaIdentity } from './ports.js';
import { replicaState, type Replica, type ReplicaState } from './replica.js';

/** Why this replica spends nothing now. */
export interface Objection {
  readonly code:
    /** The first word of the database has not come yet. */
    | 'starting'
    /** All spending has been stopped, by a replica that found the database changed or by an operator. */
    | 'frozen'
    /** The database does not know this replica's spool, and nobody has vouched for it. */
    | 'not_admitted'
    /** The database has failed over, and a replica has not replayed its redo log yet. */
    | 'awaiting_redo'
    /** The spool cannot be written. */
    | 'spool_unavailable';
  /** What is wrong, and what to do about it. */
  readonly description: string;
}

/** What a membership needs. */
export interface MembershipParts {
  readonly me: ReplicaIdentity;
  readonly store: FleetStore;
  readonly spool: Spool;
  readonly replay: Pick<SpoolReplay, 'run' | 'redo'>;
  readonly events: EventSink;
}

/**
 * This replica as one of the fleet. It says every second that it lives, and looks whether the database is still
 * the one that it knows: a restored backup, or a copy in another environment, must not spend a single token
 * before an operator says so; after a failover nobody spends before every replica has replayed what it had
 * settled. The claims themselves check the same in the database, so that nobody has to be quick here.
 */
export class Membership implements SpendingPermit {
  private present: Objection | undefined = {
    code: 'starting',
    description: 'The replica has not heard from the database yet.',
  };
  private beating: Promise<void> | undefined;
  /** Heartbeats of the others when this replica first saw them. */
  private readonly firstSeen = new Map<string, number>();
  private latest: DatabaseView | undefined;

  constructor(private readonly parts: MembershipParts) {}

  /** Why nothing is spent here now; `undefined` where it is. Looks at memory only. */
  get objection(): Objection | undefined {
    const { trouble } = this.parts.spool;
    if (trouble !== undefined) {
      return {
        code: 'spool_unavailable',
        description: `The spool cannot be written (${trouble}). Make room on its disk; rotating goes on by itself.`,
      };
    }
    return this.present;
  }

  /** Where the replicas stood when the database was last heard. */
  get replicas(): Record<ReplicaState, number> {
    const count = { LIVE: 0, PENDING: 0, SILENT: 0, DRAINED: 0, LOST: 0 };
    const { replicas = [], now = 0 } = this.latest ?? {};
    for (const replica of replicas) count[replicaState(replica, now)] += 1;
    return count;
  }

  /** The refusal for whoever needs a new token now; `undefined` where there is none, or where it is a matter of seconds. */
  get refusal(): Refusal | undefined {
    const { objection } = this;
    if (objection === undefined || objection.code === 'awaiting_redo' || objection.code === 'starting') {
      return undefined;
    }
    return {
      reason: 'SPENDING_STOPPED',
      message: `No new access token can be had here now. ${objection.description}`,
      metadata: { cause: objection.code },
      retryAfterMs: 5_000,
    };
  }

  /**
   * Joins the fleet, and replays the spool before anything is claimed.
   * @throws {StoreUnavailableError}
   */
  async join(): Promise<void> {
    const { store, me, spool, replay } = this.parts;
    const { known } = spool;
    const before = await store.view(me.spoolId);
    await this.guard(known, before, this.mineIn(before));
    await store.register(me);
    // Where it is not done, the look that follows goes on with it.
    if (await replay.run()) await store.redone(me, spool.known);
    await this.look();
  }

  /** One heartbeat. A database that is away changes nothing. */
  async beat(): Promise<void> {
    this.beating ??= this.beatNow().finally(() => (this.beating = undefined));
    await this.beating;
  }

  /** This replica ends. @param left whether something is left in its spool that the database has not taken */
  async leave(left: boolean): Promise<void> {
    const { store, me } = this.parts;
    await this.beating;
    if (left) return;
    try {
      // The database may have failed over since the last heartbeat: what was settled is settled there, too.
      await this.look();
      await store.drained(me);
    } catch (error) {
      if (!isStoreUnavailable(error)) throw error;
    }
  }

  private async beatNow(): Promise<void> {
    try {
      if (this.parts.spool.trouble !== undefined) await this.parts.spool.recover();
      await this.look();
    } catch (error) {
      if (!isStoreUnavailable(error)) throw error;
    }
  }

  private async look(): Promise<void> {
    const { store, me, spool, replay, events } = this.parts;
    // What is known when the question is asked: attempts that are journaled meanwhile may be later than the answer.
    const { known } = spool;
    let view = await store.view(me.spoolId);
    if (view.timeline < 0) return;
    const before = this.mineIn(view);
    const judgement = await this.guard(known, view, before);
    // A database that was put back does not know this life.
    if (before?.bootId !== me.bootId) await store.register(me);
    let whole = true;
    if (judgement === 'failedOver' || before?.lostAt !== undefined) {
      whole = await replay.redo();
      if (whole) {
        await store.redone(me, spool.known);
        events.emit({ type: 'fleet.redone', timeline: view.timeline });
      }
    }
    if (before?.admittedAt === undefined) await this.seekAdmission(view);
    view = await store.view(me.spoolId);
    const mine = this.mineIn(view);
    // Until then it is judged by what was known before.
    if (mine && whole && view.freeze === undefined) this.know(view, mine);
    this.latest = view;
    this.decide(objectionIn(view, mine));
    await store.beat(me, this.objection?.description);
  }

  private mineIn({ replicas }: DatabaseView): Replica | undefined {
    return replicas.find(({ spoolId }) => spoolId === this.parts.me.spoolId);
  }

  private know({ timeline, thaws, ...view }: DatabaseView, { heartbeat }: Replica): void {
    const { spool } = this.parts;
    const { known } = spool;
    // Only numbers of committed attempts count: a crash may take back what a sequence gave out before.
    const attemptNumber =
      known.thaws < thaws ? Math.min(known.attemptNumber, view.attemptNumber) : known.attemptNumber;
    spool.know({ attemptNumber, timeline, heartbeat, thaws });
  }

  /** Stops all spending where the database is not the one that this replica knows. */
  private async guard(
    known: KnownDatabase,
    view: DatabaseView,
    mine: Replica | undefined,
  ): Promise<'same' | 'failedOver' | 'stop'> {
    const { store, spool, me } = this.parts;
    const judgement = judgeDatabase(known, mine, view);
    if (judgement.kind !== 'stop') return judgement.kind;
    const { reason, detail } = judgement;
    await store.freeze({ reason, detail, by: me.name }, spool.known.attemptNumber);
    return 'stop';
  }

  /** Another replica whose heart beats while this one looks is the fleet; a copied row's does not. */
  private async seekAdmission({ replicas, now }: DatabaseView): Promise<void> {
    const { store, me } = this.parts;
    for (const other of replicas) {
      if (other.spoolId === me.spoolId || replicaState(other, now) !== 'LIVE') continue;
      const first = this.firstSeen.get(other.spoolId);
      if (first === undefined) this.firstSeen.set(other.spoolId, other.heartbeat);
      else if (other.heartbeat > first) {
        await store.admit(me.spoolId, other.name);
        return;
      }
    }
  }

  private decide(next: Objection | undefined): void {
    const before = this.present;
    this.present = next;
    if (before?.code === next?.code) return;
    if (next) this.parts.events.emit({ type: 'spending.stopped', ...next });
    else this.parts.events.emit({ type: 'spending.resumed', after: before?.code ?? 'unknown' });
  }
}

function objectionIn(view: DatabaseView, me: Replica | undefined): Objection | undefined {
  const { freeze } = view;
  if (freeze) {
    return {
      code: 'frozen',
      description: `${freeze.by} has stopped all spending (${freeze.reason}): ${freeze.detail} An operator decides: brokerctl installation get.`,
    };
  }
  if (me?.admittedAt === undefined) {
    return {
      code: 'not_admitted',
      description:
        'The database does not know the spool of this replica, and no other replica lives that could vouch for it: it may be a copy in another environment. Start the others, or let an operator say so: brokerctl replicas admit.',
    };
  }
  const behind = view.replicas.find((replica) => replica.spoolId !== me.spoolId && lacksRedo(replica, view));
  if (me.timeline !== view.timeline || behind) {
    return {
      code: 'awaiting_redo',
      description: `The database has failed over to timeline ${view.timeline}, and ${behind?.name ?? me.name} has not replayed its spool onto it yet. Start that replica, or declare it lost: brokerctl replicas declare-lost.`,
    };
  }
  return undefined;
}

/** As long as settled records are kept. */
const REDO_MS = 15 * 60_000;

function lacksRedo(replica: Replica, view: DatabaseView): boolean {
  return (
    replica.admittedAt !== undefined &&
    replica.endedAt === undefined &&
    replica.lostAt === undefined &&
    replica.timeline !== view.timeline &&
    view.now - replica.lastSeenAt < REDO_MS
  );
}
