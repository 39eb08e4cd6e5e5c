import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { JWK } from 'jose';
import { messageOf, SealError } from '#libs/core';
import { KeyRing } from './key-ring.js';

/**
 * Reads a key file: a JWK Set that nobody but its owner can read.
 * @throws {SealError} with a message that says what to do
 */
export async function keyRingFromFile(file: string): Promise<KeyRing> {
  let text: string;
  try {
    const { mode } = statSync(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new SealError(`${file} can be read by others than its owner. Run: chmod 600 ${file}`);
    }
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof SealError) throw error;
    throw new SealError(`The key file cannot be read: ${messageOf(error)}`);
  }
  return keyRingFromText(text, file);
}

/**
 * Reads keys from a value of the environment: a JWK Set, or one 256-bit key in base64url.
 * @throws {SealError} with a message that says what to do and never quotes the value
 */
export async function keyRingFromText(text: string, from: string): Promise<KeyRing> {
  const trimmed = text.trim();
  if (/^[A-Za-z0-9_-]{43}=?$/.test(trimmed)) {
    return KeyRing.fromJwks([{ kty: 'oct', k: trimmed.replace(/=$/, '') }]);
  }
  return KeyRing.fromJwks(parseJwks(trimmed, from));
}

/** Makes a key file with one new key, mode 0600, atomically; an existing file stays as it is. */
export async function generateKeyFile(file: string): Promise<void> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const jwks = {
    keys: [{ kty: 'oct', kid: randomBytes(8).toString('hex'), k: randomBytes(32).toString('base64url') }],
  };
  const temporary = `${file}.${randomBytes(4).toString('hex')}`;
  writeFileSync(temporary, `${JSON.stringify(jwks)}\n`, { mode: 0o600, flag: 'wx' });
  try {
    // A link, unlike a rename, never replaces a key that another process made in the meantime.
    linkSync(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary);
  }
}

function parseJwks(text: string, from: string): JWK[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new SealError(`${from} is neither a JWK Set in JSON nor a 256-bit key in base64url.`);
  }
  const keys = (parsed as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new SealError(`${from} is not a JWK Set: it has no "keys".`);
  return keys as JWK[];
}
