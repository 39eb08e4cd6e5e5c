import type { Secret } from './secret.js';

declare const sealedBrand: unique symbol;

/** Ciphertext that is safe to store. Only a {@link Sealer} makes it. */
export type Sealed = string & { readonly [sealedBrand]: true };

/**
 * What a ciphertext is bound to: moved to another row, column or generation, it does not open. Written
 * like a path, for example `connections/<uid>/refresh_token/7`.
 */
export type SealingContext = string;

/** Encrypts at rest. */
export interface Sealer {
  /** Seals a value for one place. */
  seal(value: Secret, context: SealingContext): Promise<Sealed>;
  /**
   * Opens a value where it belongs.
   * @throws {SealError} where the key is unknown, the context differs or the ciphertext was changed.
   */
  open(sealed: Sealed, context: SealingContext): Promise<Secret>;
}

/** The ciphertext does not open: wrong key, wrong place, or damaged. */
export class SealError extends Error {
  override readonly name = 'SealError';
}

/** The places where sealed values live. */
export const sealingContext = {
  refreshToken: (connectionUid: string, generation: number): SealingContext =>
    `connections/${connectionUid}/refresh_token/${generation}`,
  accessToken: (connectionUid: string, variantKey: string, generation: number): SealingContext =>
    `connections/${connectionUid}/access_token/${variantKey}/${generation}`,
  clientSecret: (clientUid: string): SealingContext => `clients/${clientUid}/client_secret`,
  authorizationRequest: (stateHash: string): SealingContext => `authorization_requests/${stateHash}`,
  spooledAnswer: (attemptId: string): SealingContext => `spool/${attemptId}/answer`,
  connectTicket: (): SealingContext => 'connect_ticket',
  installation: (installationId: string): SealingContext => `installation/${installationId}`,
} as const;
