// The x509 library registers its parts through decorators, so the metadata shim has to come first.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const KEYS = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const HOUR_MS = 3_600_000;

/** A certificate with its private key, both PEM. */
export interface TestKeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** What a certificate is to say; unlike a decent authority, this one signs anything. */
export interface TestCertificate {
  readonly commonName?: string;
  /** Subject alternative names in their order, of any content. */
  readonly names?: readonly { readonly type: 'dns' | 'url' | 'email'; readonly value: string }[];
  readonly usage?: 'server' | 'client';
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Claims to be an authority itself. */
  readonly ca?: boolean;
  /** Leaves the authority key identifier out, by which verifiers tell authorities of one name apart. */
  readonly withoutKeyId?: boolean;
}

/** A certificate authority in memory, for tests only. */
export class TestCa {
  private constructor(
    readonly certificate: string,
    private readonly issuer: x509.X509Certificate,
    private readonly signingKey: webcrypto.CryptoKey,
  ) {}

  static async create(commonName = 'Test CA'): Promise<TestCa> {
    const keys = await generateKeys();
    const issuer = await x509.X509CertificateGenerator.createSelfSigned(
      {
        name: [{ CN: [commonName] }],
        keys,
        signingAlgorithm: KEYS,
        notBefore: new Date(Date.now() - 48 * HOUR_MS),
        notAfter: new Date(Date.now() + 48 * HOUR_MS),
        extensions: [
          new x509.BasicConstraintsExtension(true, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        ],
      },
      webcrypto,
    );
    return new TestCa(issuer.toString('pem'), issuer, keys.privateKey);
  }

  async issue(wish: TestCertificate): Promise<TestKeyPair> {
    const keys = await generateKeys();
    const usage =
      wish.usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
    const names = wish.names ?? [];
    const certificate = await x509.X509CertificateGenerator.create(
      {
        subject: wish.commonName === undefined ? [] : [{ CN: [wish.commonName] }],
        issuer: this.issuer.subjectName,
        publicKey: keys.publicKey,
        signingKey: this.signingKey,
        signingAlgorithm: KEYS,
        notBefore: wish.notBefore ?? new Date(Date.now() - HOUR_MS),
        notAfter: wish.notAfter ?? new Date(Date.now() + HOUR_MS),
        extensions: [
          new x509.BasicConstraintsExtension(wish.ca ?? false, undefined, true),
          new x509.ExtendedKeyUsageExtension([usage]),
          ...(wish.withoutKeyId
            ? []
            : [await x509.AuthorityKeyIdentifierExtension.create(this.issuer.publicKey, false, webcrypto)]),
          ...(names.length > 0
            ? [new x509.SubjectAlternativeNameExtension(names.map((name) => ({ ...name })))]
            : []),
        ],
      },
      webcrypto,
    );
    const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return {
      certificate: certificate.toString('pem'),
      privateKey: x509.PemConverter.encode(der, x509.PemConverter.PrivateKeyTag),
    };
  }

  /** A certificate for a server at `localhost`. */
  async issueServer(): Promise<TestKeyPair> {
    return this.issue({
      commonName: 'server',
      names: [{ type: 'dns', value: 'localhost' }],
      usage: 'server',
    });
  }

  /** A client certificate with a SPIFFE ID. */
  async issueSpiffe(id: string, wish: TestCertificate = {}): Promise<TestKeyPair> {
    return this.issue({ names: [{ type: 'url', value: id }], ...wish });
  }
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify']);
}
