import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyPair } from './certificate-authority.js';

/** A key pair that is also on disk. */
export interface KeyPairFiles extends KeyPair {
  /** PEM file of the certificate, mode 0644. */
  readonly certificateFile: string;
  /** PEM file of the private key (PKCS#8), mode 0600. */
  readonly privateKeyFile: string;
}

/** Reads `<dir>/<name>.crt` and `<dir>/<name>.key`; `undefined` unless both are there. */
export function readKeyPair(dir: string, name: string): KeyPairFiles | undefined {
  const files = filesOf(dir, name);
  try {
    return {
      ...files,
      certificate: readFileSync(files.certificateFile, 'utf8'),
      privateKey: readFileSync(files.privateKeyFile, 'utf8'),
    };
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT')
      return undefined;
    throw error;
  }
}

/**
 * Writes both files, each of them whole or not at all. Readers can see a new key with the old certificate
 * for an instant, so that they have to check that the two belong together.
 */
export function writeKeyPair(dir: string, name: string, pair: KeyPair): KeyPairFiles {
  const files = filesOf(dir, name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  replaceFile(files.privateKeyFile, pair.privateKey, 0o600);
  replaceFile(files.certificateFile, pair.certificate, 0o644);
  return { ...files, certificate: pair.certificate, privateKey: pair.privateKey };
}

function replaceFile(path: string, content: string, mode: number): void {
  const draft = `${path}.${randomUUID()}`;
  try {
    writeFileSync(draft, content, { mode });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function filesOf(dir: string, name: string): { certificateFile: string; privateKeyFile: string } {
  return { certificateFile: join(dir, `${name}.crt`), privateKeyFile: join(dir, `${name}.key`) };
}
