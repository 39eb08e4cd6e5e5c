import { cut } from './cut.js';
import { frozen, silent } from './frozen.js';
import { killed } from './killed.js';
import { lostCommits } from './lost-commits.js';
import type { Scenario } from './scenario.js';
import { switchover } from './switchover.js';

/** All scenarios, in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [killed, frozen, silent, switchover, cut, lostCommits];
export type { Scenario } from './scenario.js';
