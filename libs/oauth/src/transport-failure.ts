/** A failure of the transport in the project's words. */
export interface TransportFailure {
  readonly code: string;
  readonly description: string;
}

const WORDS: ReadonlyArray<readonly [pattern: RegExp, code: string, what: string]> = [
  [/^ECONNREFUSED$/, 'connection_refused', 'refused the connection'],
  [/^(ENOTFOUND|EAI_\w+)$/, 'host_not_found', 'is not known to the name service'],
  [/^(ENETUNREACH|EHOSTUNREACH|ENETDOWN|EHOSTDOWN|EADDRNOTAVAIL)$/, 'unreachable', 'cannot be reached'],
  [/^(UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT)$/, 'connect_timeout', 'did not accept the connection in time'],
  [/CERT|SELF_SIGNED|UNABLE_TO|^ERR_TLS|^ERR_SSL|^EPROTO$/, 'tls_failure', 'could not be trusted (TLS)'],
  [
    /^(ECONNRESET|EPIPE|UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)$/,
    'connection_cut',
    'cut the connection',
  ],
  [/^UND_ERR_HEADERS_OVERFLOW$/, 'malformed_answer', 'answered with headers that are too large'],
  [/^(HPE_|HTTPParserError$)/, 'malformed_answer', 'answered something that is not HTTP'],
];

/**
 * Names a failure by the error codes along its causes; messages are not used, and neither is `instanceof`,
 * since errors come from other realms.
 * @param origin where the request went
 */
export function nameFailure(error: unknown, origin: string, timedOut: boolean): TransportFailure {
  const at = `The authorization server at ${origin}`;
  if (timedOut) return { code: 'timeout', description: `${at} did not answer in time.` };
  for (const code of codesOf(error)) {
    const known = WORDS.find(([pattern]) => pattern.test(code));
    if (known) return { code: known[1], description: `${at} ${known[2]} (${code}).` };
  }
  return { code: 'transport_failure', description: `${at} could not be talked to.` };
}

function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  let current = error;
  for (let depth = 0; depth < 8 && typeof current === 'object' && current !== null; depth += 1) {
    const { code, name, cause, errors } = current as {
      code?: unknown;
      name?: unknown;
      cause?: unknown;
      errors?: unknown;
    };
    for (const word of [code, name]) {
      if (typeof word === 'string' && /^[\w-]{1,60}$/.test(word)) codes.push(word);
    }
    current = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return codes;
}
