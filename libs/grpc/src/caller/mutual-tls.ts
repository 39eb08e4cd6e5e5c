import type { X509Certificate } from 'node:crypto';
import type { Http2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { BrokerError } from '#libs/core';
import type { Authenticator, IncomingCall } from './authenticator.js';
import { identitiesOf } from './peer-identities.js';
import { sessionOf } from './session-of.js';

/** What a connection's certificate proves, for as long as it is valid. */
interface Proof {
  readonly identities: readonly string[];
  /** Milliseconds since the epoch. */
  readonly validUntil: number;
}

const WHY: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  CERT_REVOKED: 'it has been revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  INVALID_PURPOSE: 'it is not for client authentication',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate authority is not one that the broker trusts',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate authority is not one that the broker trusts',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate authority is not one that the broker trusts',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate authority is not one that the broker trusts',
};

/**
 * Callers by their client certificate (RFC 8446 section 4.4.2). The TLS layer has checked it against the
 * CA bundle at the handshake; it is read once per connection, and its end is looked at every time.
 */
export class MutualTls implements Authenticator {
  readonly credential = 'a client certificate';
  private readonly proofs = new WeakMap<Http2Session, Proof>();

  authenticate(call: IncomingCall): readonly string[] | undefined {
    const session = sessionOf(call);
    if (session === undefined) return undefined;
    let proof = this.proofs.get(session);
    if (proof === undefined) {
      const certificate = verifiedCertificate(session.socket as TLSSocket | undefined);
      if (certificate === undefined) return undefined;
      proof = { identities: identitiesOf(certificate), validUntil: Date.parse(certificate.validTo) };
      this.proofs.set(session, proof);
    }
    // Not `>`: an end that cannot be read must not count as one that is far away.
    if (!(Date.now() <= proof.validUntil)) throw refused('CERT_HAS_EXPIRED');
    return proof.identities;
  }
}

/** `undefined` where the client showed none. @throws {BrokerError} where the TLS layer did not verify it */
function verifiedCertificate(socket: TLSSocket | undefined): X509Certificate | undefined {
  // Asked for first: without a certificate, `authorized` says nothing.
  const certificate = socket?.getPeerX509Certificate?.();
  if (socket === undefined || certificate === undefined) return undefined;
  if (socket.authorized !== true) throw refused(String(socket.authorizationError));
  return certificate;
}

function refused(code: string): BrokerError {
  const why = WHY[code] ?? `its verification failed (${code})`;
  return BrokerError.of('UNAUTHENTICATED', `The client certificate is not accepted: ${why}.`);
}
