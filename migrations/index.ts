/** All migrations, in their order. Append only: a migration that has been released never changes. */
import { Initial1732406400000 } from './1732406400000-initial.js';
import { Budgets1764000300000 } from './1764000300000-budgets.js';

export const migrations = [Initial1732406400000, Budgets1764000300000];
