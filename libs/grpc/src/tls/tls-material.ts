import { constants } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** What the listener shows and whom it believes, all PEM (RFC 7468). */
export interface TlsMaterial {
  /** The server's certificate, followed by its intermediates. */
  readonly certificate: string;
  /** The server's private key. */
  readonly privateKey: string;
  /** The certificate authorities that vouch for callers. */
  readonly clientCa: string;
}

/**
 * The material as TLS options: TLS 1.3 only, and no session resumption. A resumed session skips the check
 * of the client's certificate, so that one that has expired or lost its authority meanwhile would go on
 * working; full handshakes are rare, since connections live long.
 * @throws {Error} where the material cannot serve: unreadable, no CA, or the key is not the certificate's
 */
export function secureContextOptions(material: TlsMaterial): SecureContextOptions {
  if (!material.clientCa.includes('-----BEGIN CERTIFICATE-----')) {
    // Without one, Node would believe every public authority.
    throw new Error('The bundle of certificate authorities for callers has no certificate in it.');
  }
  const options: SecureContextOptions = {
    cert: material.certificate,
    key: material.privateKey,
    ca: material.clientCa,
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
  createSecureContext(options);
  return options;
}
