import { writeSync } from 'node:fs';

/**
 * Writes one line to standard output before it returns: it is out even where the process is killed with the
 * next instruction.
 */
export function tell(fact: object): void {
  const line = `${JSON.stringify(fact)}\n`;
  for (;;) {
    try {
      writeSync(1, line);
      return;
    } catch (error) {
      // The reader is a moment behind.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

/** The monotonic clock of the machine in milliseconds: the same in every process, whatever their wall clocks say. */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
