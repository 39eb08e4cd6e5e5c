/** All migrations, in their order. Append only: a migration that has been released never changes. */
import { Initial1732406400000 } from './1732406400000-initial.js';
import { ProfileSettings1764000100000 } from './1764000100000-profile-settings.js';
import { RefreshTokenLifetimes1764000200000 } from './1764000200000-refresh-token-lifetimes.js';
import { Budgets1764000300000 } from './1764000300000-budgets.js';
import { ReplicasAndGuards1764000400000 } from './1764000400000-replicas-and-guards.js';

export const migrations = [
  Initial1732406400000,
  ProfileSettings1764000100000,
  RefreshTokenLifetimes1764000200000,
  Budgets1764000300000,
  ReplicasAndGuards1764000400000,
];
