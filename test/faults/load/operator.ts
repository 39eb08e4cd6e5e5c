import { setTimeout as delay } from 'node:timers/promises';
import { call } from '#libs/client';
import type { Fleet } from '../fleet/fleet.js';
import type { Journal } from '../fleet/journal.js';

const LOOK_EVERY_MS = 500;

/**
 * The operator whom the storm brake calls: many denials at once, which faults do bring about, freeze an OAuth
 * client. This one looks, and thaws it. A frozen *installation* is not thawed: nobody has restored a database here.
 */
export class Operator {
  private looking: Promise<void> | undefined;
  private stopped = false;
  /** How often an OAuth client was thawed. */
  thaws = 0;

  constructor(
    private readonly fleet: Fleet,
    private readonly journal: Journal,
  ) {}

  begin(): void {
    this.looking = this.look();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.looking;
  }

  private async look(): Promise<void> {
    while (!this.stopped) {
      await delay(LOOK_EVERY_MS);
      const awake = this.fleet.serving.find((replica) => !replica.standsStill);
      const clients = awake?.callers?.admin.clients;
      if (!clients) continue;
      try {
        const { statuses } = await call(clients.listClientStatuses.bind(clients), {}, 2_000);
        for (const { name, freeze } of statuses) {
          if (!freeze) continue;
          await call(
            clients.thawClient.bind(clients),
            { name, reason: 'the faults are ours', acceptDenials: false },
            2_000,
          );
          this.thaws += 1;
          this.journal.note('thawed', { name, reason: freeze.reason });
        }
      } catch {
        // A fault was in the way. The next look finds it again.
      }
    }
  }
}
