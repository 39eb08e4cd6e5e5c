import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import {
  Directory,
  DueRotations,
  HeldTokens,
  isStoreUnavailable,
  Membership,
  type EventSink,
} from '#libs/core';
import { ChangeFeed, FleetClock, type Database } from '#libs/postgres';
import type { BrokerConfig } from './broker-config.js';
import { CONFIG, DATABASE, EVENTS } from './modules/foundation.js';

/** How often the clock and the fleet are compared with the database's, and the directory with the tables. */
const SYNC_EVERY_MS = 1_000;

/** Everything that happens by the clock or by a hint from another replica. */
@Injectable()
export class Schedule implements OnApplicationBootstrap {
  constructor(
    @Inject(CONFIG) private readonly config: BrokerConfig,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENTS) private readonly events: EventSink,
    @Inject(SchedulerRegistry) private readonly registry: SchedulerRegistry,
    @Inject(DueRotations) private readonly rotations: DueRotations,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(HeldTokens) private readonly held: HeldTokens,
    @Inject(ChangeFeed) private readonly feed: ChangeFeed,
    @Inject(FleetClock) private readonly clock: FleetClock,
    @Inject(Membership) private readonly membership: Membership,
  ) {}

  onApplicationBootstrap(): void {
    this.feed.subscribe({
      connectionChanged: (uid) => this.held.changed(uid),
      directoryChanged: () => void this.directory.tryRefresh(),
      mayHaveMissed: () => this.held.changedUnknown(),
    });
    this.feed.start();
    this.every('rotations', this.config.tickMs, async () => void (await this.rotations.begin()));
    this.every('clock', SYNC_EVERY_MS, () => this.syncClock());
    this.every('membership', SYNC_EVERY_MS, () => this.membership.beat());
    this.every('directory', SYNC_EVERY_MS, () => this.directory.tryRefresh());
  }

  /** No more ticks; resolves when no claim is being made any more. Rotations under way go on. */
  async stop(): Promise<void> {
    for (const name of this.registry.getIntervals()) this.registry.deleteInterval(name);
    await this.rotations.stop();
  }

  /** One at a time: while the database is silent, more of the same would only use up its connections. */
  private every(name: string, ms: number, work: () => Promise<void>): void {
    let running = false;
    const run = async (): Promise<void> => {
      if (running) return;
      running = true;
      try {
        await work();
      } catch (error) {
        this.events.emit({ type: 'fault', during: name, error });
      } finally {
        running = false;
      }
    };
    this.registry.addInterval(
      name,
      setInterval(() => void run(), ms),
    );
  }

  private async syncClock(): Promise<void> {
    try {
      await this.clock.sync(this.database.main);
    } catch (error) {
      if (!isStoreUnavailable(error)) throw error;
    }
  }
}
