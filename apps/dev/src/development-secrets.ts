import { createHmac, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Secrets of the development profile. Each is derived from one random key that is made at the first start,
 * so that no secret stands in the source, and none of those in use stands on disk.
 */
export class DevelopmentSecrets {
  private constructor(private readonly key: Buffer) {}

  /** Takes up the key file, or makes it with mode 0600. */
  static open(file: string): DevelopmentSecrets {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    try {
      writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return new DevelopmentSecrets(Buffer.from(readFileSync(file, 'utf8').trim(), 'base64url'));
  }

  /** The secret for one purpose, the same at every start. */
  derive(purpose: string): string {
    return createHmac('sha256', this.key).update(purpose).digest('base64url');
  }
}
