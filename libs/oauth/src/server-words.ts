const LONGEST = 200;

/** How much of what a server said is looked at. */
export const LONGEST_WORDS = 2_000;

/**
 * Words that are longer than what is taken for a token, and are none: codes of lower-case words
 * (`interaction_required`), and the keys that Zitadel puts in place of sentences
 * (`Errors.OIDCSession.RefreshTokenInvalid`).
 */
const PLAIN_WORD = /^([a-z]+(_[a-z]+)+|Errors(\.[A-Z][A-Za-z]+)+)$/;

/**
 * What a server said, fit for logs and pages: only the characters that RFC 6749 section 5.2 allows, nothing
 * that could be a token (servers are known to echo what was sent), and not long.
 */
export function serverWords(said: unknown): string {
  if (typeof said !== 'string') return '';
  const plain = said
    .slice(0, LONGEST_WORDS)
    .replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]+/g, ' ')
    .replace(/[A-Za-z0-9._~+/=%-]{20,}/g, (run) =>
      PLAIN_WORD.test(run.replace(/\.$/, '')) ? run : '[masked]',
    )
    .replace(/ {2,}/g, ' ')
    .trim();
  return plain.length > LONGEST ? `${plain.slice(0, LONGEST - 1)}…` : plain;
}

/** Whether a value can be an `error` code of RFC 6749 section 5.2. */
export function isErrorCode(said: unknown): said is string {
  return typeof said === 'string' && /^[A-Za-z0-9][A-Za-z0-9_.:/ -]{0,99}$/.test(said);
}

/** An `error` code, fit for logs and pages; `undefined` where the value cannot be one. */
export function errorCode(said: unknown): string | undefined {
  return isErrorCode(said) ? serverWords(said) || undefined : undefined;
}

/** Whether the words have a phrase in them: whole words, whatever their case. */
export function hasPhrase(words: string, phrase: string): boolean {
  const text = words.toLowerCase();
  const wanted = phrase.toLowerCase();
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + 1)) {
    if (!isWordAt(text, at - 1) && !isWordAt(text, at + wanted.length)) return true;
  }
  return false;
}

function isWordAt(text: string, index: number): boolean {
  return /[a-z0-9]/.test(text.charAt(index));
}
