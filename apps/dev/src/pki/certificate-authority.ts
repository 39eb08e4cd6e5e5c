// The x509 library registers its parts through decorators, so the metadata shim has to come first.
import 'reflect-metadata';
import { createPrivateKey, webcrypto, X509Certificate as NodeCertificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** One day in milliseconds. */
export const DAY_MS = 24 * 60 * 60 * 1000;

/** ECDSA on P-256 with SHA-256: what every TLS 1.3 implementation has to support (RFC 8446 section 9.1). */
const KEYS = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const ORGANIZATION = 'Token Broker development';
/** Certificates start a little in the past, for machines and containers whose clocks disagree. */
const BACKDATE_MS = 5 * 60 * 1000;

/** A certificate with its private key, both PEM (RFC 7468); the key is PKCS#8. */
export interface KeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** What an end-entity certificate is to say. */
export interface CertificateRequest {
  readonly commonName: string;
  /** Whether its holder answers (`serverAuth`) or calls (`clientAuth`): RFC 5280 section 4.2.1.12. */
  readonly usage: 'server' | 'client';
  /** Subject alternative names, in the order of the certificate. */
  readonly names: readonly { readonly type: 'dns' | 'ip' | 'url'; readonly value: string }[];
  /** Start of the validity; five minutes ago unless told. */
  readonly notBefore?: Date;
  /** End of the validity. */
  readonly notAfter: Date;
}

/** A certificate authority held in memory, for development and tests. Follows the profile of RFC 5280. */
export class CertificateAuthority {
  readonly #signingKey: webcrypto.CryptoKey;
  readonly #issuer: x509.X509Certificate;

  private constructor(
    /** The authority's own certificate and key. */
    readonly keyPair: KeyPair,
    signingKey: webcrypto.CryptoKey,
  ) {
    this.#signingKey = signingKey;
    this.#issuer = new x509.X509Certificate(keyPair.certificate);
  }

  /** Makes a new, self-signed authority that may sign end-entity certificates only. */
  static async create(commonName: string, lifetimeDays: number): Promise<CertificateAuthority> {
    const keys = await generateKeys();
    const notBefore = new Date(Date.now() - BACKDATE_MS);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned(
      {
        name: distinguishedName(commonName),
        keys,
        signingAlgorithm: KEYS,
        notBefore,
        notAfter: new Date(notBefore.getTime() + lifetimeDays * DAY_MS),
        extensions: [
          new x509.BasicConstraintsExtension(true, 0, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        ],
      },
      webcrypto,
    );
    return new CertificateAuthority(await toPem(certificate, keys.privateKey), keys.privateKey);
  }

  /** Takes up an authority that was made earlier. */
  static async load(keyPair: KeyPair): Promise<CertificateAuthority> {
    const der = createPrivateKey(keyPair.privateKey).export({ type: 'pkcs8', format: 'der' });
    return new CertificateAuthority(
      keyPair,
      await webcrypto.subtle.importKey('pkcs8', der, KEYS, false, ['sign']),
    );
  }

  /** Makes a key, and signs a certificate for it. */
  async issue(request: CertificateRequest): Promise<KeyPair> {
    const keys = await generateKeys();
    const usage =
      request.usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
    const certificate = await x509.X509CertificateGenerator.create(
      {
        subject: distinguishedName(request.commonName),
        issuer: this.#issuer.subjectName,
        publicKey: keys.publicKey,
        signingKey: this.#signingKey,
        signingAlgorithm: KEYS,
        notBefore: request.notBefore ?? new Date(Date.now() - BACKDATE_MS),
        notAfter: request.notAfter,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          // TLS 1.3 only signs: no key encipherment, no key agreement.
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([usage]),
          alternativeNames(request),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
          await x509.AuthorityKeyIdentifierExtension.create(this.#issuer.publicKey, false, webcrypto),
        ],
      },
      webcrypto,
    );
    return toPem(certificate, keys.privateKey);
  }

  /**
   * Whether a key pair found on disk can serve for this request: it belongs together, comes from this
   * authority, says the same, and is good until `until` at least.
   */
  covers(found: KeyPair, request: CertificateRequest, until: Date): boolean {
    try {
      const certificate = new x509.X509Certificate(found.certificate);
      const names = certificate.getExtension(x509.SubjectAlternativeNameExtension);
      const usages = certificate.getExtension(x509.ExtendedKeyUsageExtension);
      const usage =
        request.usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
      const node = new NodeCertificate(found.certificate);
      return (
        belongTogether(found) &&
        node.verify(new NodeCertificate(this.keyPair.certificate).publicKey) &&
        certificate.subject === new x509.Name(distinguishedName(request.commonName)).toString() &&
        JSON.stringify(names?.names) === JSON.stringify(alternativeNames(request).names) &&
        usages?.usages.includes(usage) === true &&
        certificate.notAfter >= until
      );
    } catch {
      return false; // unreadable: issue a new one
    }
  }
}

/** Whether the private key is the certificate's. Throws when either cannot be read. */
export function belongTogether({ certificate, privateKey }: KeyPair): boolean {
  return new NodeCertificate(certificate).checkPrivateKey(createPrivateKey(privateKey));
}

/** When the certificate (PEM) ends. */
export function expiryOf(certificate: string): Date {
  return new x509.X509Certificate(certificate).notAfter;
}

function alternativeNames(request: CertificateRequest): x509.SubjectAlternativeNameExtension {
  return new x509.SubjectAlternativeNameExtension(request.names.map(({ type, value }) => ({ type, value })));
}

function distinguishedName(commonName: string): x509.JsonName {
  return [{ O: [ORGANIZATION] }, { CN: [commonName] }];
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify']);
}

async function toPem(certificate: x509.X509Certificate, key: webcrypto.CryptoKey): Promise<KeyPair> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  return {
    certificate: `${certificate.toString('pem').trim()}\n`,
    privateKey: `${x509.PemConverter.encode(der, x509.PemConverter.PrivateKeyTag).trim()}\n`,
  };
}
