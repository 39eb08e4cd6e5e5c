import { resolve } from 'node:path';
import {
  belongTogether,
  CertificateAuthority,
  DAY_MS,
  expiryOf,
  type CertificateRequest,
  type KeyPair,
} from './pki/certificate-authority.js';
import { readKeyPair, writeKeyPair, type KeyPairFiles } from './pki/key-pair-files.js';

export type { KeyPair } from './pki/certificate-authority.js';
export type { KeyPairFiles } from './pki/key-pair-files.js';

const AUTHORITY_DAYS = 3650;
/** The longest life that public authorities were allowed to give until 2026: long enough for a checkout. */
const CERTIFICATE_DAYS = 397;
/** A certificate with less life left than this is issued anew at the next start. */
const RENEW_BEFORE_MS = 30 * DAY_MS;

const BROKER_DNS_NAMES = ['localhost', 'token-broker', 'broker', 'broker-1', 'broker-2'];
const BROKER_ADDRESSES = ['127.0.0.1', '::1'];

/** Whom a client certificate is for. */
export interface ClientIdentity {
  /** Base name of its files: `<dir>/client-<name>.crt` and `.key`. Letters, digits, `.`, `_`, `-`. */
  readonly name: string;
  readonly commonName: string;
  /** URI subject alternative name, such as `spiffe://token-broker.dev/workload/invoice-sync`. */
  readonly spiffeId?: string;
  readonly dnsNames?: readonly string[];
}

/** What a server certificate is for, when it is not the broker's standard one. */
export interface ServerIdentity {
  /** Base name of its files: `<dir>/server-<name>.crt` and `.key`. */
  readonly name: string;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses?: readonly string[];
}

/** How a certificate is issued. */
export interface IssueOptions {
  /** Issue a new one though the present one would do, to try how certificates are exchanged. */
  readonly renew?: boolean;
}

/** The certificates of the development profile: one authority, and what it issued. */
export interface DevelopmentPki {
  readonly dir: string;
  /** The authority's certificate (PEM), which both sides trust. */
  readonly caCertificate: string;
  readonly caCertificateFile: string;
  /** The broker's certificate: localhost, token-broker, broker, broker-1, broker-2, 127.0.0.1 and ::1. */
  readonly server: KeyPairFiles;
  issueServer(identity: ServerIdentity, options?: IssueOptions): Promise<KeyPairFiles>;
  issueClient(identity: ClientIdentity, options?: IssueOptions): Promise<KeyPairFiles>;
  /** A client certificate of this authority that ended yesterday. Not written to disk. */
  issueExpiredClient(identity: ClientIdentity): Promise<KeyPair>;
}

/** An authority that nobody trusts, in memory only: for tests of refusal. */
export interface UnknownCa {
  readonly caCertificate: string;
  issueClient(identity: ClientIdentity): Promise<KeyPair>;
  issueServer(identity: ServerIdentity): Promise<KeyPair>;
}

/**
 * Makes the development authority and the broker's certificate at the first start, and takes up the same
 * ones at every later start. Whatever is missing, does not fit, or ends within 30 days is issued anew.
 *
 * Private keys are written with mode 0600, in a directory of mode 0700. For development and tests only:
 * the authority's key lies beside the certificates.
 */
export async function ensureDevelopmentPki({ dir }: { dir: string }): Promise<DevelopmentPki> {
  const home = resolve(dir);
  const { authority, files } = await ensureAuthority(home);
  const issue = (file: string, request: CertificateRequest, options?: IssueOptions) =>
    ensureIssued(home, authority, file, request, options?.renew ?? false);
  const broker: ServerIdentity = {
    name: 'broker',
    commonName: 'token-broker',
    dnsNames: BROKER_DNS_NAMES,
    ipAddresses: BROKER_ADDRESSES,
  };
  return {
    dir: home,
    caCertificate: files.certificate,
    caCertificateFile: files.certificateFile,
    server: await issue('server-broker', serverRequest(broker)),
    issueServer: async (identity, options) =>
      issue(`server-${safe(identity.name)}`, serverRequest(identity), options),
    issueClient: async (identity, options) =>
      issue(`client-${safe(identity.name)}`, clientRequest(identity), options),
    issueExpiredClient: (identity) =>
      authority.issue({
        ...clientRequest(identity),
        notBefore: new Date(Date.now() - 2 * DAY_MS),
        notAfter: new Date(Date.now() - DAY_MS),
      }),
  };
}

/** Makes an authority that is not the development authority, with the same shape of certificates. */
export async function createUnknownCa(): Promise<UnknownCa> {
  const authority = await CertificateAuthority.create('Unknown CA', AUTHORITY_DAYS);
  return {
    caCertificate: authority.keyPair.certificate,
    issueClient: (identity) => authority.issue(clientRequest(identity)),
    issueServer: (identity) => authority.issue(serverRequest(identity)),
  };
}

async function ensureAuthority(
  dir: string,
): Promise<{ authority: CertificateAuthority; files: KeyPairFiles }> {
  const found = readKeyPair(dir, 'ca');
  if (found !== undefined && isUsableAuthority(found))
    return { authority: await CertificateAuthority.load(found), files: found };
  const authority = await CertificateAuthority.create('Token Broker development CA', AUTHORITY_DAYS);
  return { authority, files: writeKeyPair(dir, 'ca', authority.keyPair) };
}

function isUsableAuthority(pair: KeyPair): boolean {
  try {
    // What it issues must not outlive it.
    const needed = Date.now() + CERTIFICATE_DAYS * DAY_MS;
    return belongTogether(pair) && expiryOf(pair.certificate).getTime() >= needed;
  } catch {
    return false; // unreadable: make a new one, and everything issued by the old one follows
  }
}

async function ensureIssued(
  dir: string,
  authority: CertificateAuthority,
  file: string,
  request: CertificateRequest,
  renew: boolean,
): Promise<KeyPairFiles> {
  const found = renew ? undefined : readKeyPair(dir, file);
  if (found !== undefined && authority.covers(found, request, new Date(Date.now() + RENEW_BEFORE_MS)))
    return found;
  return writeKeyPair(dir, file, await authority.issue(request));
}

function serverRequest({ commonName, dnsNames, ipAddresses = [] }: ServerIdentity): CertificateRequest {
  const dns = dnsNames.map((value) => ({ type: 'dns' as const, value }));
  const ip = ipAddresses.map((value) => ({ type: 'ip' as const, value }));
  return { commonName, usage: 'server', names: [...dns, ...ip], notAfter: inDays(CERTIFICATE_DAYS) };
}

function clientRequest({ commonName, spiffeId, dnsNames = [] }: ClientIdentity): CertificateRequest {
  const uri = spiffeId === undefined ? [] : [{ type: 'url' as const, value: spiffeId }];
  const dns = dnsNames.map((value) => ({ type: 'dns' as const, value }));
  return { commonName, usage: 'client', names: [...uri, ...dns], notAfter: inDays(CERTIFICATE_DAYS) };
}

function inDays(days: number): Date {
  // A quarter of an hour less: the certificate starts in the past, and its life counts from there.
  return new Date(Date.now() + days * DAY_MS - 15 * 60 * 1000);
}

function safe(name: string): string {
  if (/^[A-Za-z0-9._-]+$/.test(name)) return name;
  throw new RangeError(`"${name}" cannot be part of a file name: letters, digits, ".", "_" and "-" only`);
}
