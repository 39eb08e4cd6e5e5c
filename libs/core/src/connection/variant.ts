import { createHash } from 'node:crypto';
import { BrokerError } from '../errors.js';

/** What an access token is for: a scope set and a resource. Empty means the connection's default. */
export interface Variant {
  /** Sorted, without duplicates. */
  readonly scopes: readonly string[];
  /** RFC 8707 resource indicator. */
  readonly resource: string;
  /** Names the variant within its connection; empty for the default one. */
  readonly key: string;
}

/** The variant that asks for nothing in particular. */
export const DEFAULT_VARIANT: Variant = { scopes: [], resource: '', key: '' };

/** RFC 6749 section 3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/;

/**
 * The variant of a request.
 * @param granted the scopes of the connection; asking for all of them is asking for the default
 * @throws {BrokerError} `INVALID_REQUEST` for malformed scopes or resource, `SCOPE_NOT_GRANTED` for scopes
 *   beyond the grant
 */
export function variantOf(scopes: readonly string[], resource: string, granted: readonly string[]): Variant {
  if (scopes.length === 0 && resource === '') return DEFAULT_VARIANT;
  checkScopes(scopes);
  checkResource(resource);
  const missing = scopes.filter((scope) => !granted.includes(scope));
  if (missing.length > 0) {
    throw new BrokerError({
      reason: 'SCOPE_NOT_GRANTED',
      message: `The connection was not granted ${missing.join(' ')}. Ask for a subset of its scopes, or authorize it again with more.`,
      metadata: { missing_scopes: missing.join(' ') },
    });
  }
  const wanted = [...new Set(scopes)].sort();
  const all = wanted.length === 0 || new Set(granted).size === wanted.length;
  if (all && resource === '') return DEFAULT_VARIANT;
  const effective = all ? [] : wanted;
  const key = createHash('sha256')
    .update(`${effective.join(' ')}\n${resource}`)
    .digest('base64url')
    .slice(0, 22);
  return { scopes: effective, resource, key };
}

/** @throws {BrokerError} `INVALID_REQUEST` for anything that is not a scope token. */
export function checkScopes(scopes: readonly string[]): void {
  if (scopes.length > 100) throw BrokerError.of('INVALID_REQUEST', 'At most 100 scopes can be asked for.');
  for (const scope of scopes) {
    if (!SCOPE_TOKEN.test(scope)) {
      throw BrokerError.of(
        'INVALID_REQUEST',
        'A scope is 1 to 200 printable characters without spaces, quotes and backslashes (RFC 6749 section 3.3).',
      );
    }
  }
}

function checkResource(resource: string): void {
  if (resource === '') return;
  if (resource.length > 2000 || !URL.canParse(resource) || resource.includes('#')) {
    throw BrokerError.of(
      'INVALID_REQUEST',
      'A resource is an absolute URI without a fragment (RFC 8707 section 2).',
    );
  }
}
