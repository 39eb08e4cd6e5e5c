import type { X509Certificate } from 'node:crypto';
import { BrokerError } from '#libs/core';
import { parseSubjectAltName } from './subject-alt-name.js';

/** SPIFFE-ID sections 2.1 and 2.2, with the path that X.509-SVID section 4.1 wants of a leaf. */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/;
const LONGEST_SPIFFE_ID = 2_048;
const DNS_NAME = /^[A-Za-z0-9.-]{1,253}$/;
/** RFC 5280 appendix A.1: `ub-common-name`. */
const COMMON_NAME = /^[\x20-\x7e]{1,64}$/;

/**
 * The identities that a certificate proves, which the TLS layer must have verified before: its SPIFFE ID,
 * then its DNS names, then its common name. Names of another form than identities are registered in are
 * left out; they could not be anybody's.
 * @throws {BrokerError} `UNAUTHENTICATED` where the certificate is one that must not be believed
 */
export function identitiesOf(certificate: X509Certificate): string[] {
  if (certificate.ca) throw refused("it is a certificate authority's, not a caller's");
  const names = parseSubjectAltName(certificate.subjectAltName ?? '');
  if (names === undefined) throw refused('its subject alternative names cannot be read');
  const uris = names.filter(({ type }) => type === 'URI').map(({ value }) => value);
  const spiffe = uris.filter((uri) => /^spiffe:/i.test(uri));
  if (spiffe.length > 0 && uris.length > 1) {
    // X.509-SVID section 2: exactly one URI SAN; more than one is to be rejected.
    throw refused('it has more than one URI, of which one is a SPIFFE ID');
  }
  const dns = names.filter(({ type }) => type === 'DNS').map(({ value }) => value);
  return [
    ...spiffe.filter((id) => id.length <= LONGEST_SPIFFE_ID && SPIFFE_ID.test(id)),
    ...dns.filter((name) => DNS_NAME.test(name)).map((name) => `dns:${name}`),
    ...commonNames(certificate).map((name) => `cn:${name}`),
  ];
}

/** The common name where there is exactly one: the legacy object has each value as it is, unescaped. */
function commonNames(certificate: X509Certificate): string[] {
  const commonName: unknown = certificate.toLegacyObject().subject?.CN;
  return typeof commonName === 'string' && COMMON_NAME.test(commonName) ? [commonName] : [];
}

function refused(why: string): BrokerError {
  return BrokerError.of('UNAUTHENTICATED', `The client certificate is not accepted: ${why}.`);
}
