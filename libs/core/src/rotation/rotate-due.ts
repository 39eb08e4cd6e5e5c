import type { Clock } from '../clock.js';
import { isStoreUnavailable, messageOf } from '../errors.js';
import type { EventSink } from '../events.js';
import { connectionName } from '../resource-names.js';
import { Limiter } from '../limiter.js';
import { runLane, type LaneParts } from './client-lane.js';
import type { RotationGates } from './gates.js';
import { changeAfterDisappearance } from './judge.js';
import type { ClaimRequest, RotationStore } from './ports.js';
import type { Rotator } from './rotator.js';

const TAKE_OVER_BATCH = 100;

/** Claims of different OAuth clients at once: the connections to the database are for reads as well. */
const MOST_CLAIMS = 4;

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

  constructor(
    private readonly store: RotationStore,
    private readonly rotator: Rotator,
    private readonly events: EventSink,
    private readonly clock: Clock,
    private readonly claimRequest: ClaimRequest,
    private readonly gates: RotationGates,
    private readonly random: () => number,
  ) {}

  /**
   * One tick. Returns when all has been claimed that it found due; never throws. A tick while another one
   * looks is none.
   */
  async tick(): Promise<void> {
    if (this.looking || this.stopping.signal.aborted) return;
    this.looking = this.look().finally(() => (this.looking = undefined));
    await Promise.all(await this.looking);
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
    const reached = await this.guarded(async () => void (due = await this.store.dueClients()));
    if (reached) this.storeIsBack();
    return due.map((clientId) => this.lane(clientId));
  }

  private lane(clientId: string): Promise<void> {
    const running = this.lanes.get(clientId);
    if (running) return running;
    const { rotator, gates, claimRequest } = this;
    const store: LaneParts['store'] = {
      claimDue: (request) =>
        this.claims.run(async () => {
          // It may have waited for its turn while the replica began to end.
          return this.stopping.signal.aborted ? { claims: [] } : this.store.claimDue(request);
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
    const taken = await this.store.takeOver(TAKE_OVER_BATCH, (connection) =>
      changeAfterDisappearance(connection, this.clock.now(), this.random),
    );
    for (const connection of taken) {
      this.events.emit({
        type: 'attempt.taken_over',
        connection: connectionName(connection),
        replica: connection.attempt?.replica ?? 'unknown',
      });
    }
  }

  private storeIsBack(): void {
    if (this.storeAway) this.events.emit({ type: 'database.back', during: 'scheduler' });
    this.storeAway = false;
  }

  private report(error: unknown): void {
    if (!isStoreUnavailable(error)) {
      this.events.emit({ type: 'fault', during: 'scheduler', error });
      return;
    }
    if (!this.storeAway) {
      this.events.emit({ type: 'database.away', during: 'scheduler', error: messageOf(error) });
    }
    this.storeAway = true;
  }
}
