import { createHash, timingSafeEqual } from 'node:crypto';

/** SHA-256 of a secret value, as hex: names a token without being one. Used by the ledger and as storage key. */
export function fingerprint(value: string): string {
  return createHash('sha256').update(value).digest('hex');
}

/** Compares two secrets in a time that tells nothing about where they differ. */
export function sameSecret(a: string, b: string): boolean {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(a), digest(b));
}
