import type { Clock } from '../clock.js';
import { isStoreUnavailable, messageOf } from '../errors.js';
import type { EventSink } from '../events.js';
import { connectionName } from '../resource-names.js';
import { Limiter } from '../limiter.js';
import { runLane, type LaneParts } from './client-lane.js';
import { NO_FAILPOINTS, type Failpoints } from './failpoints.js';
import type { RotationGates } from './gates.js';
import { changeAfterDisappearance } from './judge.js';
import type { ClaimRequest, RotationStore } from './ports.js';
import type { RotationProfiles } from './rotation-profile.js';
import type { Rotator } from './rotator.js';

const TAKE_OVER_BATCH = 100;

/** Claims of different OAuth clients at once: the connections to the database are for reads as well. */
const MOST_CLAIMS = 4;

/** What it needs. */
export interface DueParts {
  readonly store: RotationStore;
  readonly rotator: Rotator;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly claimRequest: ClaimRequest;
  readonly gates: RotationGates;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly profiles: RotationProfiles;
  /** Absent: {@link NO_FAILPOINTS}. */
  readonly failpoints?: Failpoints | undefined;
}

/**
 * What each tick of the scheduler does: take over what dead replicas left, then start a lane for every OAuth
 * client that has something due and has none under way. A backlog of one OAuth client may keep its lane going
 * for hours; the ticks go on meanwhile.
 */
export class DueRotations {
  private looking: Promise<Array<Promise<void>>> | undefined;
  private storeAway = false;
  private readonly lanes = new Map<string, Promise<void>>();
  private readonly claims = new Limiter(MOST_CLAIMS);
  private readonly stopping = new AbortController();

  private readonly failpoints: Failpoints;

  constructor(private readonly parts: DueParts) {
    this.failpoints = parts.failpoints ?? NO_FAILPOINTS;
  }

  /**
   * One tick: takes over, and starts the lanes that are missing. The lanes go on by themselves: a backlog, or a
   * server that hangs, must not keep the next tick from the others. A tick while another one looks is none.
   * @returns the lanes of what is due, each of which resolves when all of its OAuth client has been claimed; never
   *   throws
   */
  async begin(): Promise<Array<Promise<void>>> {
    if (this.looking || this.stopping.signal.aborted) return [];
    this.looking = this.look().finally(() => (this.looking = undefined));
    return [...(await this.looking)];
  }

  /** One tick, and all that it found due is claimed. */
  async tick(): Promise<void> {
    await Promise.all(await this.begin());
  }

  /** No claim is made after this; resolves when those that are being made have come, and their rotations begun. */
  async stop(): Promise<void> {
    this.stopping.abort();
    if (this.looking) void (await this.looking);
    await Promise.all(this.lanes.values());
  }

  private async look(): Promise<Array<Promise<void>>> {
    await this.guarded(() => this.takeOver());
    let due: string[] = [];
    const { store, gates } = this.parts;
    if (gates.spending.objection) return [];
    const reached = await this.guarded(async () => void (due = await store.dueClients()));
    if (reached) this.storeIsBack();
    return due.map((clientId) => this.lane(clientId));
  }

  private lane(clientId: string): Promise<void> {
    const running = this.lanes.get(clientId);
    if (running) return running;
    const { rotator, gates, claimRequest } = this.parts;
    const store: LaneParts['store'] = {
      claimDue: (request) =>
        this.claims.run(async () => {
          // It may have waited for its turn while the replica began to end.
          return this.stopping.signal.aborted ? { claims: [] } : this.parts.store.claimDue(request);
        }),
    };
    const lane = this.guarded(() =>
      runLane(clientId, {
        store,
        rotator,
        gates,
        claimRequest,
        stopping: this.stopping.signal,
        report: (error) => this.report(error),
      }),
    ).then(() => void this.lanes.delete(clientId));
    this.lanes.set(clientId, lane);
    return lane;
  }

  /** Each part fails for itself: a row that cannot be taken over must not end the rotations. */
  private async guarded(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.report(error);
      return false;
    }
  }

  private async takeOver(): Promise<void> {
    const { store, clock, random, profiles, events } = this.parts;
    const taken = await store.takeOver(TAKE_OVER_BATCH, (connection) =>
      changeAfterDisappearance(connection, clock.now(), random, profiles.of(connection.clientId)),
    );
    for (const connection of taken) {
      events.emit({
        type: 'attempt.taken_over',
        connection: connectionName(connection),
        replica: connection.attempt?.replica ?? 'unknown',
      });
      const { attempt } = connection;
      if (attempt) {
        const { id: attemptId, generation } = attempt;
        await this.failpoints.reached('taken_over', { connection, attemptId, generation });
      }
    }
  }

  private storeIsBack(): void {
    if (this.storeAway) this.parts.events.emit({ type: 'database.back', during: 'scheduler' });
    this.storeAway = false;
  }

  private report(error: unknown): void {
    if (!isStoreUnavailable(error)) {
      this.parts.events.emit({ type: 'fault', during: 'scheduler', error });
      return;
    }
    if (!this.storeAway) {
      this.parts.events.emit({ type: 'database.away', during: 'scheduler', error: messageOf(error) });
    }
    this.storeAway = true;
  }
}
