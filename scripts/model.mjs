// Checks the model of the rotation protocol with Spin: the protocol as it is has to hold its promises in every run,
// and each seeded defect has to be found. Needs Debian's packages spin and gcc, and nothing of node_modules.
//
//   npm run model             two replicas, two faults at any step; each defect
//   npm run model -- --long   three faults, and a failover that loses commits as well
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MODEL = join(dirname(fileURLToPath(import.meta.url)), '..', 'test', 'model');
const missing = ['spin', 'cc'].filter((program) => spawnSync(program, ['--version']).error);
if (missing.length > 0) {
  process.stderr.write(`The model needs ${missing.join(' and ')}: apt-get install spin gcc\n`);
  process.exit(2);
}

const bounds = (faults, failovers = 0) => ({
  REPLICAS: 2,
  GENERATIONS: 2,
  FAULTS: faults,
  FAILOVERS: failovers,
});
const CHECKS = [
  ['the protocol, two faults', bounds(2), true],
  ['no committed attempt', { ...bounds(2), DEFECT_NO_ATTEMPT: 1 }, false],
  ['a lease in the place of the row lock', { ...bounds(2), DEFECT_LEASE: 1 }, false],
  ['a save without its guard', { ...bounds(3), DEFECT_UNGUARDED_SAVE: 1 }, false],
  ...(process.argv.includes('--long')
    ? [
        ['the protocol, three faults', bounds(3), true],
        ['the protocol, a failover and a fault', bounds(1, 1), true],
      ]
    : []),
];

/** Runs one check in a directory of its own; what Spin generates never comes near the checkout. */
function check([name, defines, holds]) {
  const dir = mkdtempSync(join(tmpdir(), 'token-broker-model-'));
  try {
    for (const file of readdirSync(MODEL).filter((one) => one.endsWith('.pml'))) {
      cpSync(join(MODEL, file), join(dir, file));
    }
    const run = (program, args) => spawnSync(program, args, { cwd: dir, encoding: 'utf8' });
    const flags = Object.entries(defines).map(([key, value]) => `-D${key}=${value}`);
    const made = run('spin', [...flags, '-a', 'rotation.pml']);
    const compiled = run('cc', ['-O2', '-w', '-DSAFETY', '-DCOLLAPSE', '-o', 'pan', 'pan.c']);
    if (made.status !== 0 || compiled.status !== 0) throw new Error(made.stdout + compiled.stderr);
    const begun = process.hrtime.bigint();
    const { stdout } = run('./pan', ['-m1000000']);
    const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
    const errors = Number(/errors: (\d+)/.exec(stdout)?.[1] ?? Number.NaN);
    const states = /(\S+) states, stored/.exec(stdout)?.[1] ?? '?';
    const depth = /depth reached (\d+)/.exec(stdout)?.[1] ?? '?';
    const whole = !/max search depth too small|Search not completed|out of memory/i.test(stdout);
    const ok = holds ? errors === 0 && whole : errors > 0;
    const verdict =
      errors === 0 ? (whole ? 'holds in every run' : 'not searched to the end') : 'counterexample';
    process.stdout.write(
      [
        ok ? 'ok  ' : 'FAIL',
        name.padEnd(38),
        `${states} states`,
        `depth ${depth}`,
        `${seconds.toFixed(1)} s`,
        verdict,
      ]
        .join('  ')
        .concat('\n'),
    );
    return ok;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

process.exitCode = CHECKS.map(check).every(Boolean) ? 0 : 1;
