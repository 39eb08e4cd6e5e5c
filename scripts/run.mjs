// Sets the checkout up, then runs one of the programs in apps/ in this very process, so that signals reach
// it without a relay and its exit status is ours.
//
//   node scripts/run.mjs dev|broker|brokerctl|… [arguments of the program]
//
// In package.json write "exec node scripts/run.mjs …": npm runs scripts through a shell that dies of SIGTERM
// without passing it on; with exec there is no shell between npm and us.
import { existsSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { inRoot } from './lib/paths.mjs';
import { setup } from './setup.mjs';

const [name = '', ...args] = process.argv.slice(2);
const [app = '', file = 'main'] = name.split('/');

if (!existsSync(inRoot('apps', app, 'src', `${file}.ts`)) || app === '') {
  process.stderr.write(
    `Usage: node scripts/run.mjs <${readdirSync(inRoot('apps')).join('|')}>[/file] [arguments]\n`,
  );
  process.exit(2);
}
await setup();
process.setSourceMapsEnabled(true);
stopWithNpm();
const entry = inRoot('dist', 'apps', app, 'src', `${file}.js`);
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
