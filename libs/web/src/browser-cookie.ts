import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';

/** As long as an authorization request lives, in milliseconds. */
const MAX_AGE_MS = 15 * 60_000;
const VALUE = /^[A-Za-z0-9_-]{43}$/;

/**
 * The cookie that binds an authorization to the browser that began it (RFC 9700 section 4.7). With https it
 * has the `__Host-` prefix (RFC 6265bis section 4.1.3.2), so that no sibling host can plant one. `Lax`, since
 * the way back from the authorization server is a navigation from another site. Each authorization has a
 * cookie of its own, named for its `state`: two tabs do not get in each other's way, and nobody can take the
 * cookie away by sending the browser to the callback with another `state`.
 */
export class BrowserCookie {
  private readonly prefix: string;
  private readonly secure: boolean;

  constructor(publicUrl: string) {
    this.secure = publicUrl.startsWith('https:');
    this.prefix = this.secure ? '__Host-token-broker' : 'token-broker';
  }

  set(response: Response, state: string, value: string): void {
    response.cookie(this.nameFor(state), value, { ...this.attributes(), maxAge: MAX_AGE_MS });
  }

  clear(response: Response, state: string): void {
    response.clearCookie(this.nameFor(state), this.attributes());
  }

  /** The cookie's value; `undefined` where there is none, several, or one that is not ours. */
  read(request: Request, state: string): string | undefined {
    const name = this.nameFor(state);
    const header = request.headers.cookie ?? '';
    if (header.length > 8_192) return undefined;
    const values = header
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(`${name}=`))
      .map((pair) => pair.slice(name.length + 1));
    const [value, ...more] = values;
    return value !== undefined && more.length === 0 && VALUE.test(value) ? value : undefined;
  }

  private nameFor(state: string): string {
    return `${this.prefix}-${createHash('sha256').update(state).digest('hex').slice(0, 16)}`;
  }

  private attributes(): { httpOnly: true; sameSite: 'lax'; secure: boolean; path: string } {
    return { httpOnly: true, sameSite: 'lax', secure: this.secure, path: '/' };
  }
}
