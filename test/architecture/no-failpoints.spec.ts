import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../apps/dev/src/child.js';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** The files of these directories, specs left out. */
function filesWith(dirs: readonly string[], pattern: RegExp): string[] {
  return dirs
    .flatMap((dir) =>
      readdirSync(join(ROOT, dir), { recursive: true, encoding: 'utf8' }).map((file) => join(dir, file)),
    )
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
    .filter((file) => pattern.test(read(file)));
}

describe('the shipped broker has no failpoints', () => {
  it('its entry gives no seams', () => {
    expect(read('apps/broker/src/main.ts')).toBe(
      `import { run } from './run.js';\n\nawait run(process.env);\n`,
    );
  });

  it('nobody but the fault campaign starts a broker with seams', () => {
    expect(filesWith(['apps', 'libs'], /\bseams\b/).toSorted()).toEqual([
      'apps/broker/src/modules/foundation.ts',
      'apps/broker/src/modules/persistence.module.ts',
      'apps/broker/src/run.ts',
    ]);
    expect(filesWith(['apps', 'libs'], /\brun\(process\.env\b/)).toEqual(['apps/broker/src/main.ts']);
  });

  it('no failpoints are made but those that do nothing', () => {
    expect(filesWith(['apps', 'libs'], /implements Failpoints|: Failpoints = \{/)).toEqual([
      'libs/core/src/rotation/failpoints.ts',
    ]);
  });
});
