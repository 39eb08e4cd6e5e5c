import { ServerCredentials } from '@grpc/grpc-js';
import { secureContextOptions, type TlsMaterial } from './tls-material.js';

/**
 * Server credentials that ask every client for a certificate and check it against the CA bundle, but let
 * the handshake succeed in any case: the verdict is in `socket.authorized`, and the authenticators read it
 * there. So an unknown caller gets a status that says what is wrong instead of a broken connection, and
 * health checks need no certificate. Handshakes after {@link ReloadableCredentials.update} use the new
 * material (promise P12).
 */
export class ReloadableCredentials extends ServerCredentials {
  /** @throws {Error} where the material cannot serve */
  constructor(material: TlsMaterial) {
    super(
      {
        requestCert: true,
        rejectUnauthorized: false,
        // The default of two minutes is an invitation to hold half-open connections.
        handshakeTimeout: 10_000,
      },
      secureContextOptions(material),
    );
  }

  /** @throws {Error} where the material cannot serve; the present one stays in use then */
  update(material: TlsMaterial): void {
    this.updateSecureContextOptions(secureContextOptions(material));
  }

  override _equals(other: ServerCredentials): boolean {
    return other === this;
  }
}
