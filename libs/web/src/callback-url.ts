import { BrokerError } from '#libs/core';

const LONGEST_QUERY = 8_192;
const LONGEST_STATE = 512;

/**
 * The registered redirect URI with the query as it came: neither the `Host` header nor any other has a say.
 * @throws {BrokerError} `INVALID_REQUEST` where the query is too long
 */
export function callbackUrlOf(publicUrl: string, requested: string): URL {
  const query = requested.indexOf('?');
  const search = query < 0 ? '' : requested.slice(query);
  if (search.length > LONGEST_QUERY) {
    throw BrokerError.of('INVALID_REQUEST', 'This answer is too long to be one of an authorization server.');
  }
  return new URL(`${publicUrl}/callback${search}`);
}

/**
 * The `state` of an answer, before anything is looked up for it.
 * @throws {BrokerError} `INVALID_REQUEST` where it is missing, or a parameter is there twice (RFC 6749
 *   section 3.1)
 */
export function stateOf(url: URL): string {
  for (const name of ['state', 'code', 'error', 'iss']) {
    if (url.searchParams.getAll(name).length > 1) {
      throw BrokerError.of('INVALID_REQUEST', 'This answer contradicts itself. Open the link again.');
    }
  }
  const state = url.searchParams.get('state') ?? '';
  if (state === '' || state.length > LONGEST_STATE) {
    throw BrokerError.of(
      'INVALID_REQUEST',
      'The authorization server sends browsers back to this address, and no answer of it is here. Open the link that you were given.',
    );
  }
  return state;
}
