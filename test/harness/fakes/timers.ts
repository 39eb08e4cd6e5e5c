/**
 * Turning the event loop, for tests with code that sleeps: they replace the timers and move them by hand, so
 * that no test waits for real time and none depends on how fast the machine is.
 */
interface FakeTimers {
  useFakeTimers(options: { doNotFake: string[] }): void;
  useRealTimers(): void;
  advanceTimersByTimeAsync(ms: number): Promise<void>;
}

const { jest: timers } = import.meta as unknown as { jest: FakeTimers };

/** Replaces `setTimeout` and its like for the tests of the surrounding `describe`. */
export function withFakeTimers(): void {
  beforeEach(() =>
    timers.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'performance'] }),
  );
  afterEach(() => timers.useRealTimers());
}

/** Lets the replaced timers run for this long. */
export async function timersRun(ms: number): Promise<void> {
  await timers.advanceTimersByTimeAsync(ms);
}

/** Lets everything happen that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
