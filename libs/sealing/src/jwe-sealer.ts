import { CompactEncrypt, compactDecrypt } from 'jose';
import { SealError, Secret, type Sealed, type Sealer, type SealingContext } from '#libs/core';
import type { KeyRing } from './key-ring.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** No token and no secret is longer; what is, was not sealed here. */
const LARGEST_CIPHERTEXT = 512 * 1024;

/**
 * Seals with JSON Web Encryption (RFC 7516), compact: each value has a content key of its own (A256GCM),
 * wrapped by the primary key (A256GCMKW). The place that the value belongs to stands in the protected
 * header, which is authenticated: moved to another row, column or generation, a ciphertext does not open.
 */
export class JweSealer implements Sealer {
  constructor(private readonly ring: KeyRing) {}

  async seal(value: Secret, context: SealingContext): Promise<Sealed> {
    const { kid, key } = this.ring.primary;
    const jwe = await new CompactEncrypt(encoder.encode(value.reveal()))
      .setProtectedHeader({ alg: 'A256GCMKW', enc: 'A256GCM', kid, ctx: context })
      .encrypt(key);
    return jwe as Sealed;
  }

  async open(sealed: Sealed, context: SealingContext): Promise<Secret> {
    if (sealed.length > LARGEST_CIPHERTEXT)
      throw new SealError('A sealed value is larger than any that was sealed here.');
    const { kid, ctx } = headerOf(sealed);
    if (ctx !== context) throw new SealError('A sealed value is not in the place that it was sealed for.');
    const key = typeof kid === 'string' ? this.ring.find(kid) : undefined;
    if (!key) {
      throw new SealError(
        `A value was sealed with the key ${JSON.stringify(kid)}, which is not among the keys ${this.ring.kids().join(', ')}. Add that key to the key set, behind the first one.`,
      );
    }
    try {
      const { plaintext } = await compactDecrypt(sealed, key.key, {
        keyManagementAlgorithms: ['A256GCMKW'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      return new Secret(decoder.decode(plaintext));
    } catch {
      throw new SealError(
        `A value does not open with the key ${key.kid}: the key is another one of the same name, or the value was changed.`,
      );
    }
  }
}

function headerOf(sealed: string): { kid?: unknown; ctx?: unknown } {
  try {
    const [header = ''] = sealed.split('.', 1);
    const parsed: unknown = JSON.parse(Buffer.from(header, 'base64url').toString());
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // Falls through: it is no ciphertext.
  }
  throw new SealError('A sealed value is damaged: it has no readable header.');
}
