import { parseArgs } from 'node:util';
import { DEFECT_NAMES, type DefectName } from './defects/index.js';

/** What a campaign is asked for. */
export interface Options {
  readonly seed: number;
  /** It goes on until so many faults have hit. */
  readonly faults: number;
  readonly replicas: number;
  readonly connections: number;
  readonly defect?: DefectName;
  /** Where its records go; kept when something broke, or when it was named. */
  readonly dir?: string;
  /** Runs out of patience after so many seconds, and fails. */
  readonly seconds: number;
}

export const USAGE = `npm run faults -- --seed N --faults M [--replicas R] [--connections C]
  [--defect ${DEFECT_NAMES.join('|')}] [--dir PATH] [--seconds S]`;

/** Reads the command line. Throws with a message for a person. */
export function optionsFrom(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      faults: { type: 'string', default: '200' },
      replicas: { type: 'string', default: '3' },
      connections: { type: 'string', default: '60' },
      seconds: { type: 'string', default: '3600' },
      defect: { type: 'string' },
      dir: { type: 'string' },
    },
  });
  const number = (
    name: 'seed' | 'faults' | 'replicas' | 'connections' | 'seconds',
    least: number,
  ): number => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < least) {
      throw new Error(`--${name} is a whole number from ${least}, not "${values[name]}".\n${USAGE}`);
    }
    return value;
  };
  const { defect, dir } = values;
  if (defect !== undefined && !(DEFECT_NAMES as string[]).includes(defect)) {
    throw new Error(`There is no seeded defect "${defect}".\n${USAGE}`);
  }
  return {
    seed: number('seed', 0),
    faults: number('faults', 1),
    replicas: number('replicas', 3),
    connections: number('connections', 2),
    seconds: number('seconds', 1),
    ...(defect === undefined ? {} : { defect: defect as DefectName }),
    ...(dir === undefined ? {} : { dir }),
  };
}
