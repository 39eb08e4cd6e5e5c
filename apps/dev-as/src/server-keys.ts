import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import type { JWK } from 'oidc-provider';

/** The server's own secrets: one ES256 signing key, and the key that signs its cookies. */
export interface ServerKeys {
  jwk: JWK;
  cookieKey: string;
}

/** Signature algorithm of all tokens. ES256 signs about ten times faster than RS256. */
export const SIGNING_ALGORITHM = 'ES256';

/** Reads the keys from the data directory, or makes them (and keeps them there, readable by the owner only). */
export async function loadServerKeys(dataDir: string | undefined): Promise<ServerKeys> {
  const file = dataDir === undefined ? undefined : join(dataDir, 'keys.json');
  if (file !== undefined && existsSync(file)) {
    chmodSync(file, 0o600);
    return JSON.parse(readFileSync(file, 'utf8')) as ServerKeys;
  }
  const { privateKey } = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: randomBytes(8).toString('hex') };
  const keys = {
    jwk: { ...jwk, alg: SIGNING_ALGORITHM, use: 'sig' } as JWK,
    cookieKey: randomBytes(32).toString('hex'),
  };
  if (file !== undefined) {
    writeFileSync(`${file}.tmp`, JSON.stringify(keys), { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
  }
  return keys;
}
