/** What a proxy has to know of an HTTP request. */
export interface WholeRequest {
  /** Present where a refresh token is exchanged (RFC 6749 section 6). */
  readonly refreshToken?: string;
}

/** Reads a request (RFC 9112) with a `content-length` or without a body; `undefined` until all of it is there. */
export function wholeRequest(bytes: Buffer): WholeRequest | undefined {
  const head = bytes.indexOf('\r\n\r\n');
  if (head < 0) return undefined;
  const lines = bytes.subarray(0, head).toString('latin1');
  const length = Number(/^content-length: *(\d+)$/im.exec(lines)?.[1] ?? 0);
  const body = bytes.subarray(head + 4);
  if (body.length < length) return undefined;
  const form = new URLSearchParams(length > 0 ? body.toString('utf8') : '');
  const refreshToken = form.get('grant_type') === 'refresh_token' ? form.get('refresh_token') : null;
  return refreshToken === null ? {} : { refreshToken };
}
