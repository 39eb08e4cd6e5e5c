import { existsSync, writeFileSync } from 'node:fs';

/** Where Debian's package `libfaketime` has it; FAULTS_FAKETIME_LIB names another place. */
const CANDIDATES = [
  process.env['FAULTS_FAKETIME_LIB'],
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
];

/** The library that makes clocks jump; `undefined` where it is not installed. */
export function fakeTimeLibrary(): string | undefined {
  return CANDIDATES.find((path) => path !== undefined && existsSync(path));
}

/** The wall clock of one replica. Its monotonic clock is left alone, as a real clock jump leaves it. */
export class FakeTime {
  constructor(
    private readonly library: string,
    private readonly file: string,
  ) {
    this.jump(0);
  }

  /** What the replica's process needs in its environment. */
  get environment(): Record<string, string> {
    return {
      LD_PRELOAD: this.library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // The file is looked at again after so many seconds: a jump takes effect while the process runs.
      FAKETIME_CACHE_DURATION: '1',
    };
  }

  /** The wall clock is off by this much from now on. */
  jump(seconds: number): void {
    writeFileSync(this.file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  }
}
