import type { Request, Response } from 'express';

/** As long as an authorization request lives, in milliseconds. */
const MAX_AGE_MS = 15 * 60_000;
const VALUE = /^[A-Za-z0-9_-]{43}$/;

/**
 * The cookie that binds an authorization to the browser that began it (RFC 9700 section 4.7). With https it
 * has the `__Host-` prefix (RFC 6265bis section 4.1.3.2), so that no sibling host can plant one. `Lax`, since
 * the way back from the authorization server is a navigation from another site.
 */
export class BrowserCookie {
  private readonly name: string;
  private readonly secure: boolean;

  constructor(publicUrl: string) {
    this.secure = publicUrl.startsWith('https:');
    this.name = this.secure ? '__Host-token-broker' : 'token-broker';
  }

  set(response: Response, value: string): void {
    response.cookie(this.name, value, { ...this.attributes(), maxAge: MAX_AGE_MS });
  }

  clear(response: Response): void {
    response.clearCookie(this.name, this.attributes());
  }

  /** The cookie's value; `undefined` where there is none, several, or one that is not ours. */
  read(request: Request): string | undefined {
    const header = request.headers.cookie ?? '';
    if (header.length > 8_192) return undefined;
    const values = header
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(`${this.name}=`))
      .map((pair) => pair.slice(this.name.length + 1));
    const [value, ...more] = values;
    return value !== undefined && more.length === 0 && VALUE.test(value) ? value : undefined;
  }

  private attributes(): { httpOnly: true; sameSite: 'lax'; secure: boolean; path: string } {
    return { httpOnly: true, sameSite: 'lax', secure: this.secure, path: '/' };
  }
}
