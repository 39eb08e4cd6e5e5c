import { rmSync, writeFileSync } from 'node:fs';
import { runStep } from './command.mjs';
import { hashOf, inRoot, listFiles, readIfThere } from './paths.mjs';

// Each stamp lies in the directory that it vouches for, is removed before the work begins and written when
// it is done: deleted or half-made outputs are never taken for current ones.
const GENERATED_STAMP = 'proto/generated/.setup-stamp';
const BUILT_STAMP = 'dist/.setup-stamp';

const bin = (name) => inRoot('node_modules', '.bin', process.platform === 'win32' ? `${name}.cmd` : name);

/** Whether proto/generated is what the .proto files say. */
export function generatedIsCurrent() {
  return readIfThere(GENERATED_STAMP) === generatedWanted();
}

/** Generates the code for the wire contract, unless it is current. */
export async function generate() {
  if (generatedIsCurrent()) return;
  rmSync(inRoot(GENERATED_STAMP), { force: true });
  await runStep('Generating code from proto/', bin('buf'), ['generate']);
  writeFileSync(inRoot(GENERATED_STAMP), generatedWanted());
}

/** Whether dist is what the sources say. */
export function buildIsCurrent() {
  return readBuilt()?.hash === hashOf(sources(), versionOf('typescript'));
}

/** Compiles everything to dist, unless it is current. Outputs of deleted sources are removed. */
export async function build() {
  const files = sources();
  const hash = hashOf(files, versionOf('typescript'));
  const built = readBuilt();
  if (built?.hash === hash) return;
  const present = new Set(files);
  // Without a stamp nothing is known about dist: an interrupted build, or one by hand.
  const stale = built === undefined || built.files.some((file) => !present.has(file));
  rmSync(inRoot(stale ? 'dist' : BUILT_STAMP), { recursive: true, force: true });
  await runStep('Building', bin('nest'), ['build']);
  writeFileSync(inRoot(BUILT_STAMP), JSON.stringify({ hash, files }));
}

function generatedWanted() {
  const files = listFiles(
    ['proto', 'buf.yaml', 'buf.gen.yaml', 'scripts/protoc-gen-descriptors.mjs'],
    (path) => !path.startsWith('proto/generated/'),
  );
  return hashOf(files, ...['@bufbuild/buf', 'ts-proto', 'google-proto-files'].map(versionOf));
}

function sources() {
  const settings = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json'];
  const code = ['apps', 'libs', 'migrations', 'proto/generated', 'test/bench'];
  return listFiles([...code, ...settings], (path) => !path.endsWith('.spec.ts') && path !== GENERATED_STAMP);
}

function readBuilt() {
  const stamp = readIfThere(BUILT_STAMP);
  try {
    return stamp === undefined ? undefined : JSON.parse(stamp);
  } catch {
    return undefined; // cut short while it was written
  }
}

function versionOf(name) {
  const text = readIfThere(`node_modules/${name}/package.json`);
  return text === undefined ? 'none' : JSON.parse(text).version;
}
