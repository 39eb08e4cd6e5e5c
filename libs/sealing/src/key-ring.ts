import { calculateJwkThumbprint, importJWK, type CryptoKey, type JWK } from 'jose';
import { SealError } from '#libs/core';

/** A key that seals or only opens. */
export interface SealingKey {
  /** Names it in every ciphertext (`kid`, RFC 7515 section 4.1.4). */
  readonly kid: string;
  readonly key: CryptoKey | Uint8Array;
}

/**
 * The keys that encrypt at rest: one primary that seals, and any number of retired ones that still open
 * what they sealed.
 */
export class KeyRing {
  private constructor(
    readonly primary: SealingKey,
    private readonly byKid: ReadonlyMap<string, SealingKey>,
  ) {}

  /**
   * Makes a ring of a JWK Set (RFC 7517 section 5) of symmetric 256-bit keys; the first one is the primary.
   * @throws {SealError} with a message that says what is wrong and never quotes a key
   */
  static async fromJwks(keys: readonly JWK[]): Promise<KeyRing> {
    const ring: SealingKey[] = [];
    for (const [index, jwk] of keys.entries()) ring.push(await sealingKey(jwk, index));
    const [primary] = ring;
    if (!primary) throw new SealError('The key set is empty: it needs at least one key.');
    const byKid = new Map(ring.map((key) => [key.kid, key]));
    if (byKid.size !== ring.length) throw new SealError('Two keys of the key set have the same kid.');
    return new KeyRing(primary, byKid);
  }

  /** The key of this name, primary or retired. */
  find(kid: string): SealingKey | undefined {
    return this.byKid.get(kid);
  }

  /** The names of all keys, the primary first. */
  kids(): string[] {
    return [...this.byKid.keys()];
  }
}

async function sealingKey(jwk: JWK, index: number): Promise<SealingKey> {
  const which = `Key ${index + 1} of the key set`;
  if (jwk.kty !== 'oct' || typeof jwk.k !== 'string') {
    throw new SealError(`${which} is not symmetric: "kty" has to be "oct", with the key in "k".`);
  }
  const bytes = Buffer.from(jwk.k, 'base64url');
  if (bytes.length !== 32) throw new SealError(`${which} has ${bytes.length * 8} bits; 256 are needed.`);
  const kid = jwk.kid ?? (await calculateJwkThumbprint(jwk));
  return { kid, key: await importJWK({ kty: 'oct', k: jwk.k }, 'A256GCMKW') };
}
