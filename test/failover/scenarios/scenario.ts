import type { DatabaseNode } from '../cluster/node.js';
import type { World } from '../world.js';

/** What happens to the database, and what has to hold. */
export interface Scenario {
  readonly name: string;
  /** For the report. */
  readonly title: string;
  /** Whether another node becomes the primary. */
  readonly promotes: boolean;
  /** Whether acknowledged commits may be lost: an asynchronous standby. The broker must lose nothing still. */
  readonly losesCommits: boolean;
  /** Brings the cluster into the form that the scenario wants. */
  prepare(world: World): Promise<void>;
  /** The fault. @returns when it struck, by `performance.now()` */
  strike(world: World, primary: DatabaseNode): Promise<number>;
  /**
   * Once rotations go on again: brings the node back.
   * @returns what was seen of it, for the report; a value that begins with "BROKEN" breaks the verdict
   */
  recover(world: World, primary: DatabaseNode): Promise<Record<string, string>>;
}
