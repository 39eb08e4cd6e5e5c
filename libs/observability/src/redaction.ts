const MASK = '[masked]';

/** Keys whose values are never written, wherever they stand. */
const SECRET_KEYS =
  /^(authorization|proxy-authorization|cookie|set-cookie|password|client_?secret|access_?token|refresh_?token|id_?token|code_?verifier|assertion|k)$/i;

/**
 * What looks like a token, as the last line of defence: JSON Web Tokens and ciphertexts, Bearer and Basic
 * credentials, passwords in URLs, and values of token parameters. Uuids, host names and file paths are let
 * pass.
 */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/eyJ[\w-]{8,}(\.[\w-]*){0,4}/g, MASK],
  [/\b(Bearer|Basic|DPoP)\s+[\w.~+/=-]{8,}/gi, `$1 ${MASK}`],
  [/:\/\/([^\s:/@]*):[^\s@/]*@/g, `://$1:${MASK}@`],
  [
    /\b((?:refresh|access|id)_token|client_secret|code_verifier|password)(["']?\s*[=:]\s*["']?)[^\s"'&,}]{4,}/gi,
    `$1$2${MASK}`,
  ],
  [/([?&](?:code|state)=)[^&\s"']+/g, `$1${MASK}`],
  [/\/connect\/[\w.-]{40,}/g, `/connect/${MASK}`],
];

/** Text without anything that looks like a token. */
export function redactText(text: string): string {
  return PATTERNS.reduce((redacted, [pattern, mask]) => redacted.replace(pattern, mask), text);
}

/** A value fit for a log: secret keys and token-like texts are masked; errors keep name, message and stack. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value;
  if (depth > 6) return '[deep]';
  if (value instanceof Error || Object.prototype.toString.call(value) === '[object Error]') {
    return redactError(value as Error, depth);
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return redact((value as { toJSON(): unknown }).toJSON(), depth + 1);
  }
  if (Array.isArray(value)) return value.slice(0, 100).map((one) => redact(one, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      SECRET_KEYS.test(key) && typeof one === 'string' ? MASK : redact(one, depth + 1),
    ]),
  );
}

function redactError(error: Error, depth: number): object {
  const { name, message, stack, cause, code } = error as Error & { code?: unknown };
  return {
    name,
    message: redactText(message),
    ...(code === undefined ? {} : { code: redact(code) }),
    ...(stack === undefined ? {} : { stack: redactText(stack) }),
    ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
  };
}
