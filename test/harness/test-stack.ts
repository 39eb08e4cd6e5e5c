import { existsSync, rmSync } from 'node:fs';
import { isolatedSettings, temporaryDirectory, type StackSettings } from '../../apps/dev/src/settings.js';
import { DevelopmentStack } from '../../apps/dev/src/stack.js';
import { ROOT, type ChildLine } from '../../apps/dev/src/child.js';
import type { LedgerJudgement } from '../../apps/dev-as/src/index.js';

/** A whole system of a test's own: real processes, real PostgreSQL, real TLS. */
export interface TestStack {
  readonly stack: DevelopmentStack;
  readonly dir: string;
  /** Every line that a broker has printed. */
  readonly brokerLines: ChildLine[];
  /** Calls the control API of the development authorization server. */
  control(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown>;
  /** What the ledger says: the judge of promise P1. */
  judgement(): Promise<LedgerJudgement>;
  close(): Promise<void>;
}

/** Starts it. The programs in `dist/` are what runs; `npm test` has built them. */
export async function startTestStack(
  over: Partial<Omit<StackSettings, 'replicas'>> & { readonly replicas?: number } = {},
): Promise<TestStack> {
  if (!existsSync(`${ROOT}dist/apps/broker/src/main.js`)) throw new Error('There is no build: run npm test.');
  const dir = temporaryDirectory('e2e');
  const brokerLines: ChildLine[] = [];
  const settings = await isolatedSettings(dir, { postgresSettings: { fsync: 'off' }, ...over });
  const stack = await DevelopmentStack.start(settings, {
    step: () => undefined,
    brokerLine: (_replica, line) => void brokerLines.push(line),
  });
  const control: TestStack['control'] = async (method, path, body) => {
    const response = await fetch(`${stack.issuer}/dev/${path}`, {
      method,
      headers: { authorization: `Bearer ${stack.controlToken}` },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    stack,
    dir,
    brokerLines,
    control,
    judgement: async () => (await control('GET', 'ledger/summary')) as LedgerJudgement,
    close: async () => {
      await stack.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Waits until it holds, by looking again and again; fails with what it is that never came. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`It never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
