// Sets the checkout up, then runs one of the built programs in this very process, so that signals reach it
// without a relay and its exit status is ours.
//
//   node scripts/run.mjs dev|broker|brokerctl|… [arguments of the program]       its src/main
//   node scripts/run.mjs apps/<app>/src/<file>.js [arguments of the program]
//
// In package.json write "exec node scripts/run.mjs …": npm runs scripts through a shell that dies of SIGTERM
// without passing it on; with exec there is no shell between npm and us.
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { inRoot } from './lib/paths.mjs';
import { setup } from './setup.mjs';

const [name = '', ...args] = process.argv.slice(2);
const program = name.includes('/') ? name : `apps/${name}/src/main.js`;

// The source, because the build is only made below.
if (!existsSync(inRoot(program.replace(/\.js$/, '.ts')))) {
  process.stderr.write(`There is no program ${program}. Usage: node scripts/run.mjs <app> [arguments]\n`);
  process.exit(2);
}
// brokerctl may be called a hundred times beside a running stack, whose packages must not be exchanged.
const asBuilt = name === 'brokerctl' && existsSync(inRoot('dist', program));
if (!asBuilt) await setup();
process.setSourceMapsEnabled(true);
stopWithNpm();
const entry = inRoot('dist', program);
process.argv.splice(1, process.argv.length - 1, entry, ...args);
await import(pathToFileURL(entry).href);

/** A killed npm cannot tell us to stop, and a program without its terminal would keep its ports for ever. */
function stopWithNpm() {
  const npm = process.ppid;
  if (process.env.npm_lifecycle_event === undefined) return;
  const watch = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 1000);
  watch.unref();
}
