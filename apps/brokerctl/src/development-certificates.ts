import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The certificates of one caller. */
export interface CertificateFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Who the development certificates are for, where nobody is named. */
export const DEVELOPMENT_ADMINISTRATOR = 'admin';

/**
 * Where a checkout keeps its development certificates: below `.data/pki` (`DEV_DATA_DIR` moves it), by the
 * names that apps/dev writes. This is the one place that knows them.
 */
export const DEVELOPMENT_FILES = {
  dataDir: '.data',
  pki: 'pki',
  ca: 'ca.crt',
  cert: (name: string) => `client-${name}.crt`,
  key: (name: string) => `client-${name}.key`,
} as const;

/** The directory of the development certificates; `undefined` where there is none. */
export function developmentPki(
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const dir = join(resolve(cwd, env['DEV_DATA_DIR'] || DEVELOPMENT_FILES.dataDir), DEVELOPMENT_FILES.pki);
  return existsSync(dir) ? dir : undefined;
}

/** The files of one caller in that directory, there or not. */
export function developmentFiles(dir: string, name: string): CertificateFiles {
  const { ca, cert, key } = DEVELOPMENT_FILES;
  return { ca: join(dir, ca), cert: join(dir, cert(name)), key: join(dir, key(name)) };
}
