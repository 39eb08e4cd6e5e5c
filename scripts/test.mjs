// Sets the checkout up (some tests run the built programs), then runs Jest with the arguments given.
//
//   node scripts/test.mjs [arguments of jest]
//
// TEST_RESULTS=<file> also writes Jest's results as JSON; .ci/run counts them.
import { spawn } from 'node:child_process';
import { inRoot, ROOT } from './lib/paths.mjs';
import { setup } from './setup.mjs';

await setup();
const results = process.env.TEST_RESULTS;
const child = spawn(
  process.execPath,
  [
    '--experimental-vm-modules', // Jest runs native ES modules behind this flag only
    '--disable-warning=ExperimentalWarning',
    inRoot('node_modules', 'jest', 'bin', 'jest.js'),
    ...(results ? ['--json', `--outputFile=${results}`] : []),
    ...process.argv.slice(2),
  ],
  // With --json the results are printed as well as written: drop that copy, the report is on stderr.
  { cwd: ROOT, stdio: ['inherit', results ? 'ignore' : 'inherit', 'inherit'] },
);
// Ctrl-C reaches Jest by itself; wait for it rather than die first. SIGTERM has to be passed on.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.once('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
child.once('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
});
