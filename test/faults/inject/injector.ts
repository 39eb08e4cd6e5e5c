import type { Journal } from '../fleet/journal.js';
import type { Lane, PlannedFault } from '../plan/plan.js';
import type { LaneName } from '../plan/kinds.js';
import type { Context } from './context.js';
import { ofTheServer } from './own.js';
import { outage } from './outage.js';
import { toALivingProcess } from './pause.js';
import { toAProcess } from './process.js';
import type { Steps } from './steps.js';
import { onTheWire } from './wire.js';

/** Carries out one fault; answers whether it was seen to hit. What hit is in the journal then. */
const CARRY_OUT: Readonly<Record<LaneName, (context: Context, fault: PlannedFault) => Promise<boolean>>> = {
  exchange: onTheWire,
  statement: onTheWire,
  server: ofTheServer,
  process: toAProcess,
  pause: toALivingProcess,
  slumber: toALivingProcess,
  outage,
};

/** Goes along the lanes of a plan, side by side, until it is told to stop. */
export class Injector {
  private stopped = false;
  missed = 0;

  constructor(
    private readonly context: Context,
    private readonly steps: Steps,
    private readonly journal: Journal,
  ) {}

  /** Resolves when every lane has come to its end. */
  async run(lanes: readonly Lane[]): Promise<void> {
    await Promise.all(lanes.map((lane) => this.along(lane)));
  }

  /** No new faults from now on. */
  stop(): void {
    this.stopped = true;
    this.steps.close();
  }

  private async along({ faults }: Lane): Promise<void> {
    while (!this.stopped) {
      const fault = faults.next().value;
      await this.steps.after(fault.waitSteps);
      if (this.stopped) return;
      this.journal.note('planned', fault);
      if (await CARRY_OUT[fault.lane](this.context, fault)) continue;
      this.missed += 1;
      this.journal.note('missed', { lane: fault.lane, index: fault.index, kind: fault.kind });
    }
  }
}
