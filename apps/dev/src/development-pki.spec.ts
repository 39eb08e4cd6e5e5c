import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type PeerCertificate } from 'node:tls';
import {
  createUnknownCa,
  ensureDevelopmentPki,
  type DevelopmentPki,
  type KeyPair,
} from './development-pki.js';
import { CertificateAuthority, DAY_MS } from './pki/certificate-authority.js';
import { writeKeyPair } from './pki/key-pair-files.js';

const invoiceSync = {
  name: 'invoice-sync',
  commonName: 'invoice-sync',
  spiffeId: 'spiffe://token-broker.dev/workload/invoice-sync',
};

let dir: string;
let pki: DevelopmentPki;

beforeEach(async () => {
  dir = join(mkdtempSync(join(tmpdir(), 'development-pki-')), 'pki');
  pki = await ensureDevelopmentPki({ dir });
});

afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

/** What the server makes of the client that it talked to. */
interface Seen {
  readonly peer: PeerCertificate;
  /** Why the certificate does not hold, or `null`. */
  readonly refusal: unknown;
}

/** One mutual TLS 1.3 handshake; answers what the server saw, or rejects with what the client complained of. */
async function handshake(client: KeyPair, servername: string, ca = pki.caCertificate): Promise<Seen> {
  return new Promise<Seen>((resolve, reject) => {
    const server = createServer(
      {
        cert: pki.server.certificate,
        key: pki.server.privateKey,
        ca: pki.caCertificate,
        requestCert: true,
        rejectUnauthorized: false, // so that the reason can be read; a refusing server just cuts the line
        minVersion: 'TLSv1.3',
      },
      (socket) => {
        resolve({ peer: socket.getPeerCertificate(), refusal: socket.authorizationError });
        socket.end();
      },
    );
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      const socket = connect({
        port,
        host: '127.0.0.1',
        servername,
        ca,
        cert: client.certificate,
        key: client.privateKey,
      });
      socket
        .once('error', reject)
        .once('close', () => server.close())
        .resume();
    });
  });
}

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

describe('ensureDevelopmentPki', () => {
  it('issues certificates that complete a mutual TLS 1.3 handshake and carry the SPIFFE id', async () => {
    const client = await pki.issueClient(invoiceSync);
    for (const name of ['localhost', 'token-broker', 'broker-2']) {
      const { peer, refusal } = await handshake(client, name);
      expect(refusal).toBeNull();
      expect(peer.subject.CN).toBe('invoice-sync');
      expect(peer.subjectaltname).toBe(`URI:${invoiceSync.spiffeId}`);
    }
    await expect(handshake(client, 'elsewhere.example')).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  it('satisfies openssl, purposes and strict checks included', async () => {
    const client = await pki.issueClient({ ...invoiceSync, dnsNames: ['invoice-sync.internal'] });
    const verify = (purpose: string, file: string) =>
      openssl(
        'verify',
        '-x509_strict',
        '-check_ss_sig',
        '-purpose',
        purpose,
        '-CAfile',
        pki.caCertificateFile,
        file,
      );
    expect(verify('sslserver', pki.server.certificateFile)).toContain('OK');
    expect(verify('sslclient', client.certificateFile)).toContain('OK');
    expect(() => verify('sslserver', client.certificateFile)).toThrow();
    expect(() => verify('sslclient', pki.server.certificateFile)).toThrow();
    const text = openssl('x509', '-in', pki.server.certificateFile, '-noout', '-text');
    for (const part of [
      'Key Usage: critical',
      'Digital Signature',
      'TLS Web Server Authentication',
      'Basic Constraints: critical',
      'CA:FALSE',
      'Authority Key Identifier',
      'Subject Key Identifier',
      'DNS:broker-1',
      'IP Address:127.0.0.1',
      'IP Address:0:0:0:0:0:0:0:1',
      'P-256',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('gives the authority ten years and the server at most 397 days', () => {
    const days = (pem: string): number => {
      const { validFrom, validTo } = new X509Certificate(pem);
      return (Date.parse(validTo) - Date.parse(validFrom)) / DAY_MS;
    };
    expect(days(pki.caCertificate)).toBeCloseTo(3650, 1);
    expect(days(pki.server.certificate)).toBeGreaterThan(396.5);
    expect(days(pki.server.certificate)).toBeLessThanOrEqual(397);
  });

  it('keeps private keys to the user', async () => {
    const client = await pki.issueClient(invoiceSync);
    for (const file of [client.privateKeyFile, pki.server.privateKeyFile, join(dir, 'ca.key')]) {
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    await expect(pki.issueClient({ ...invoiceSync, name: '../outside' })).rejects.toThrow('file name');
  });

  it('uses the same files at the next start', async () => {
    const client = await pki.issueClient(invoiceSync);
    const again = await ensureDevelopmentPki({ dir });
    expect(again.caCertificate).toBe(pki.caCertificate);
    expect(again.server).toEqual(pki.server);
    expect(await again.issueClient(invoiceSync)).toEqual(client);
    const renewed = await again.issueClient(invoiceSync, { renew: true });
    expect(renewed.certificate).not.toBe(client.certificate);
    expect(readFileSync(client.certificateFile, 'utf8')).toBe(renewed.certificate);
  });

  it('issues anew what ends within 30 days, says something else, or is broken', async () => {
    const first = await pki.issueClient(invoiceSync);
    const moved = await pki.issueClient({
      ...invoiceSync,
      spiffeId: 'spiffe://token-broker.dev/workload/other',
    });
    expect(moved.certificate).not.toBe(first.certificate);

    const ca = { certificate: pki.caCertificate, privateKey: readFileSync(join(dir, 'ca.key'), 'utf8') };
    const names = [{ type: 'url' as const, value: invoiceSync.spiffeId }];
    const ending = await (
      await CertificateAuthority.load(ca)
    ).issue({
      commonName: invoiceSync.commonName,
      usage: 'client',
      names,
      notAfter: new Date(Date.now() + 29 * DAY_MS),
    });
    writeKeyPair(dir, 'client-invoice-sync', ending);
    const renewed = await pki.issueClient(invoiceSync);
    expect(renewed.certificate).not.toBe(ending.certificate);

    writeFileSync(renewed.privateKeyFile, 'cut sho');
    const repaired = await pki.issueClient(invoiceSync);
    expect((await handshake(repaired, 'localhost')).refusal).toBeNull();
  });

  it('issues everything anew when the authority is lost', async () => {
    rmSync(join(dir, 'ca.key'));
    const again = await ensureDevelopmentPki({ dir });
    expect(again.caCertificate).not.toBe(pki.caCertificate);
    expect(
      new X509Certificate(again.server.certificate).verify(
        new X509Certificate(again.caCertificate).publicKey,
      ),
    ).toBe(true);
  });

  it('makes certificates that must be refused: expired, and of an unknown authority', async () => {
    expect((await handshake(await pki.issueExpiredClient(invoiceSync), 'localhost')).refusal).toBe(
      'CERT_HAS_EXPIRED',
    );
    const unknown = await createUnknownCa();
    const stranger = await handshake(await unknown.issueClient(invoiceSync), 'localhost');
    expect(stranger.refusal).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    const client = await pki.issueClient(invoiceSync);
    await expect(handshake(client, 'localhost', unknown.caCertificate)).rejects.toMatchObject({
      code: 'SELF_SIGNED_CERT_IN_CHAIN', // the server sends its authority along
    });
  });
});
