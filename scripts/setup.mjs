// Brings a checkout into a state that runs: packages, generated code, build. Does only what is needed, and
// nothing takes 0.1 s when all is current. Node's own modules only, since node_modules may not exist yet.
//
//   node scripts/setup.mjs [--no-build]
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SetupError } from './lib/command.mjs';
import { withLock } from './lib/lock.mjs';
import { build, buildIsCurrent, generate, generatedIsCurrent } from './lib/outputs.mjs';
import { installPackages, packagesAreCurrent } from './lib/packages.mjs';

const MINIMUM = [20, 19];

/**
 * Sets the checkout up, or ends the process with status 1 and one clear message.
 *
 * @param {{ build?: boolean }} [options] `build: false` for callers that run from source
 */
export async function setup({ build: wantsBuild = true } = {}) {
  try {
    checkNode();
    const current = () => packagesAreCurrent() && generatedIsCurrent() && (!wantsBuild || buildIsCurrent());
    if (current()) return;
    await withLock(async () => {
      await installPackages();
      await generate();
      if (wantsBuild) await build();
    });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    process.exit(1);
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])) return;
  throw new SetupError(
    `Node ${MINIMUM.join('.')} or newer is needed, and this is Node ${process.versions.node}. See https://nodejs.org, or "nvm install --lts".`,
  );
}

if (realpathSync(process.argv[1] ?? '.') === realpathSync(fileURLToPath(import.meta.url))) {
  await setup({ build: !process.argv.includes('--no-build') });
}
