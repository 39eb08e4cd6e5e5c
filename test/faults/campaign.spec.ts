import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { ROOT } from '../../apps/dev/src/child.js';
import { temporaryDirectory } from '../../apps/dev/src/settings.js';
import { DEFECT_NAMES, type DefectName } from './defects/index.js';

const ENTRY = `${ROOT}dist/test/faults/campaign.js`;

interface Ended {
  readonly status: number;
  /** The last line, parsed. */
  readonly summary: Record<string, number>;
  /** What it said on the way, for a failed test. */
  readonly words: string;
}

/** Runs a campaign as `npm run faults` does; the built programs are what runs. */
async function campaign(...args: readonly string[]): Promise<Ended> {
  if (!existsSync(ENTRY)) throw new Error('There is no build: run npm test.');
  const child = spawn(process.execPath, [ENTRY, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let out = '';
  let words = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (words += chunk.toString()));
  const status = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 128)));
  const last = out.trimEnd().split('\n').at(-1) ?? '';
  if (!last.startsWith('{')) throw new Error(`It came to no verdict:\n${words}`);
  return { status, words, summary: JSON.parse(last) as Record<string, number> };
}

describe('the fault campaign', () => {
  it('P1–P7: 200 faults against three brokers break no promise', async () => {
    const { status, summary, words } = await campaign('--seed', '1', '--faults', '200', '--seconds', '240');
    process.stderr.write(`\n${JSON.stringify(summary)}\n`);
    const broken = { doubleSpends: 0, silentLosses: 0, unexplained: 0 };
    if (status !== 0) throw new Error(words);
    expect(summary).toMatchObject({ seed: 1, ...broken });
    expect(summary['faults']).toBeGreaterThanOrEqual(200);
    // It has not been clean because nothing happened.
    expect(summary['inDoubt']).toBeGreaterThan(0);
    expect(summary['probes']).toBeGreaterThan(0);
  }, 360_000);
});

describe('the fault campaign can fail', () => {
  /** What each defect breaks at least. */
  const BREAKS: Readonly<Record<DefectName, 'doubleSpends' | 'silentLosses'>> = {
    'no-attempt': 'doubleSpends',
    lease: 'doubleSpends',
    'unguarded-save': 'silentLosses',
  };
  const runs = new Map<DefectName, Promise<Ended>>();
  const dirs: string[] = [];

  beforeAll(() => {
    // Side by side: each waits most of the time.
    for (const defect of DEFECT_NAMES) {
      const dir = temporaryDirectory(`faults-${defect}`);
      dirs.push(dir);
      const run = campaign(
        '--seed',
        '1',
        '--faults',
        '100',
        '--connections',
        '20',
        '--seconds',
        '90',
        '--defect',
        defect,
        '--dir',
        dir,
      );
      run.catch(() => undefined);
      runs.set(defect, run);
    }
  });

  // They break promises on purpose: nobody has to look at their records.
  afterAll(() => {
    for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
  });

  async function isCaught(defect: DefectName): Promise<void> {
    const { status, summary, words } = (await runs.get(defect))!;
    if (!(Number(summary[BREAKS[defect]]) > 0)) throw new Error(words);
    expect(status).toBe(1);
  }

  it.each(['no-attempt', 'unguarded-save'] as const)('it catches the seeded defect %s', isCaught, 240_000);

  // Known to fall short: since the guards were merged, no double spend comes of it; see docs/reliability.md.
  it.failing('it catches the seeded defect lease', () => isCaught('lease'), 240_000);
});
