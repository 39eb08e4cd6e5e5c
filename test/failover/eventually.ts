import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 250;

/** Looks again and again until it holds. @throws with what it is that never came */
export async function eventually(
  what: string,
  look: () => Promise<boolean> | boolean,
  timeoutMs: number,
): Promise<void> {
  if (!(await within(timeoutMs, look)))
    throw new Error(`It did not come within ${timeoutMs / 1_000} s: ${what}.`);
}

/** As {@link eventually}, answering whether it came. */
export async function within(
  timeoutMs: number,
  look: () => Promise<boolean> | boolean,
  everyMs = LOOK_EVERY_MS,
): Promise<boolean> {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(everyMs)) {
    if (await look()) return true;
    if (Date.now() > deadline) return false;
  }
}
