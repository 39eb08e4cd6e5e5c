import { isIP } from 'node:net';
import { BrokerError, type IssuerRules } from '#libs/core';

/** Whether a host name can only mean this machine: `localhost`, 127.0.0.0/8 or ::1 (RFC 8252 section 8.3). */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1';
}

/**
 * Why the broker would not call a URL; `undefined` where it would. Tokens and secrets travel over TLS only;
 * plain http stays within the machine.
 */
export function objectionTo(url: string): string | undefined {
  if (!URL.canParse(url)) return 'is not an absolute URL. Give one like https://login.example.com/indicium.';
  const { protocol, hostname, username, password, hash } = new URL(url);
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopback(hostname))) {
    return 'has to begin with https:// (http:// is for this machine only: localhost, 127.0.0.1, ::1).';
  }
  if (username !== '' || password !== '') return 'has a user name or a password in it. Leave them out.';
  if (hash !== '' || url.includes('#')) return 'has a fragment. Leave out everything from # on.';
  return undefined;
}

/** The authorization servers that OAuth clients may be registered at. */
export class AllowedIssuers implements IssuerRules {
  /** @throws {BrokerError} `INVALID_REQUEST`, with what to do; the URL itself is not repeated */
  checkUrl(url: string, field: string): void {
    const objection = objectionTo(url) ?? (field === 'issuer' ? objectionToIssuer(url) : undefined);
    if (objection !== undefined) throw BrokerError.of('INVALID_REQUEST', `${field} ${objection}`);
  }
}

/** RFC 8414 section 2: an issuer identifier has no query and no fragment. */
function objectionToIssuer(url: string): string | undefined {
  if (url.includes('?')) return 'has a query. Give the base URL only; discovery is found below it.';
  if (url.includes('/.well-known/')) {
    return 'is the address of a discovery document. Give the part before /.well-known/.';
  }
  return undefined;
}
