/** One subject alternative name, by the type that OpenSSL prints: `DNS`, `URI`, `IP Address`, `email`, … */
export interface AlternativeName {
  readonly type: string;
  readonly value: string;
}

/** `Type:value` where the value is a JSON string, or plain and without quotes, commas and controls. */
const NAME = /([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^",\p{Cc}]*))/uy;

/**
 * The names in `X509Certificate.subjectAltName`. Node writes a name that has a quote, a comma, a backslash
 * or anything unprintable as a JSON string (since CVE-2021-44532), so that a name cannot pretend to be
 * several; a split at commas would undo that.
 * @returns `undefined` where the text is not in this form: nothing of it can be trusted then
 */
export function parseSubjectAltName(text: string): AlternativeName[] | undefined {
  const names: AlternativeName[] = [];
  let at = 0;
  while (at < text.length) {
    if (names.length > 0) {
      if (!text.startsWith(', ', at)) return undefined;
      at += 2;
    }
    NAME.lastIndex = at;
    const match = NAME.exec(text);
    if (match === null) return undefined;
    const [whole, type = '', quoted, plain = ''] = match;
    const value = quoted === undefined ? plain : unquoted(quoted);
    if (value === undefined) return undefined;
    names.push({ type, value });
    at += whole.length;
  }
  return names;
}

function unquoted(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
