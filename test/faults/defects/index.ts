import type { Seams } from '../../../apps/broker/src/modules/foundation.js';
import { lease } from './lease.js';
import { noAttempt } from './no-attempt.js';
import { unguardedSave } from './unguarded-save.js';

/**
 * Three defects that look harmless, each the way in which some token broker loses or burns refresh tokens.
 * They exist to show that the campaign finds them; nothing but the campaign can switch them on.
 */
export const DEFECTS = {
  'no-attempt': noAttempt,
  lease,
  'unguarded-save': unguardedSave,
} satisfies Record<string, NonNullable<Seams['rotationStore']>>;

/** The name of a seeded defect. */
export type DefectName = keyof typeof DEFECTS;

/** Their names, for options. */
export const DEFECT_NAMES = Object.keys(DEFECTS) as DefectName[];
