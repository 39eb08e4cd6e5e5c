const LONGEST = 200;

/** Error codes that are longer than what is taken for a token, and are none. */
const KNOWN_CODES = new Set([
  'unsupported_grant_type',
  'unsupported_token_type',
  'unsupported_response_type',
  'temporarily_unavailable',
  'authorization_pending',
  'invalid_authorization_details',
  'account_selection_required',
  'registration_not_supported',
  'request_uri_not_supported',
  'insufficient_user_authentication',
]);

/**
 * What a server said, fit for logs and pages: only the characters that RFC 6749 section 5.2 allows, nothing
 * that could be a token (servers are known to echo what was sent), and not long.
 */
export function serverWords(said: unknown): string {
  if (typeof said !== 'string') return '';
  const plain = said
    .slice(0, 2_000)
    .replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]+/g, ' ')
    .replace(/[A-Za-z0-9._~+/=%-]{20,}/g, (run) => (KNOWN_CODES.has(run) ? run : '[masked]'))
    .replace(/ {2,}/g, ' ')
    .trim();
  return plain.length > LONGEST ? `${plain.slice(0, LONGEST - 1)}…` : plain;
}

/** An `error` code of RFC 6749 section 5.2; `undefined` where the value cannot be one. */
export function errorCode(said: unknown): string | undefined {
  if (typeof said !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9_.:/ -]{0,99}$/.test(said)) return undefined;
  const words = serverWords(said);
  return words === '' ? undefined : words;
}
