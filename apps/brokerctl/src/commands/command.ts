import { InvalidArgumentError, type Command } from 'commander';
import { parseDuration } from '../input/duration.js';
import { withSession, type Session } from '../session.js';
import type { GlobalOptions } from '../settings.js';
import type { Terminal } from '../terminal.js';

/** Makes the action of a command: its arguments, its options, and a session. */
export function action<Options>(
  terminal: Terminal,
  run: (session: Session, args: readonly string[], options: Options) => Promise<void>,
): (this: Command) => Promise<void> {
  return function (this: Command) {
    const args = this.processedArgs.filter((arg): arg is string => typeof arg === 'string');
    return withSession(terminal, this.optsWithGlobals<GlobalOptions>(), (session) =>
      run(session, args, this.opts() as Options),
    );
  };
}

/** For options that may be given more than once. */
export function several(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** For options that are durations, in milliseconds. */
export function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

/** For options that are whole numbers between two bounds. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  const within = numberBetween(least, most);
  return (text) => {
    const value = within(text);
    if (Number.isInteger(value)) return value;
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  };
}

/** For options that are numbers between two bounds. */
export function numberBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is a number from ${least} to ${most}.`);
  };
}
