interface Cookie {
  name: string;
  value: string;
  host: string;
  path: string;
}

/** Just enough of RFC 6265 to follow a login: cookies by host (§5.1.3, without ports) and path (§5.1.4). */
export class CookieJar {
  #cookies: Cookie[] = [];

  /** Keeps what an answer sets, and forgets what it expires. */
  store(url: URL, setCookies: readonly string[]): void {
    for (const line of setCookies) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      if (at < 1) continue;
      const attribute = (name: string): string | undefined =>
        attributes.find((part) => part.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
      const path = attribute('path') ?? defaultPath(url);
      const cookie = { name: pair.slice(0, at), value: pair.slice(at + 1), host: url.hostname, path };
      this.#cookies = this.#cookies.filter(
        (c) => c.name !== cookie.name || c.host !== cookie.host || c.path !== path,
      );
      const expires = attribute('expires');
      const gone =
        attribute('max-age') === '0' || (expires !== undefined && Date.parse(expires) <= Date.now());
      if (!gone) this.#cookies.push(cookie);
    }
  }

  /** The Cookie header for a URL; empty when there are none. */
  header(url: URL): string {
    return this.#cookies
      .filter((cookie) => cookie.host === url.hostname && pathMatches(cookie.path, url.pathname))
      .toSorted((a, b) => b.path.length - a.path.length)
      .map((cookie) => `${cookie.name}=${cookie.value}`)
      .join('; ');
  }
}

function pathMatches(cookiePath: string, path: string): boolean {
  return path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`);
}

function defaultPath(url: URL): string {
  return url.pathname.slice(0, url.pathname.lastIndexOf('/')) || '/';
}
