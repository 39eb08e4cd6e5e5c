import * as openid from 'openid-client';
import type { SecureContext } from 'node:tls';
import type { OAuthClient } from '#libs/core';
import { objectionTo } from './allowed-url.js';
import { RecordingFetch } from './recording-fetch.js';

/** How long discovery may take altogether, in milliseconds. */
const DISCOVERY_TIMEOUT_MS = 5_000;

/** How long what was discovered counts as fresh. */
const FRESH_MS = 10 * 60_000;

/** How long after a failure the next try waits, while there is something older to go on with. */
const RETRY_AFTER_FAILURE_MS = 10_000;

/** Why the metadata of an authorization server cannot be had; the message is for a person. */
export class DiscoveryError extends Error {
  override readonly name = 'DiscoveryError';
}

interface Entry {
  readonly metadata: openid.ServerMetadata;
  nextAt: number;
}

/**
 * The metadata of authorization servers (OpenID Connect Discovery 1.0, RFC 8414), remembered per issuer.
 * What is older than ten minutes is used once more while it is looked up anew in the background, and kept
 * for as long as the server is down, so that an outage does not begin with discovery. A changed OAuth
 * client is looked up anew before it is used (promise P12).
 */
export class Discovery {
  private readonly entries = new Map<string, Entry>();
  private readonly flights = new Map<string, Promise<openid.ServerMetadata>>();
  private readonly revisions = new Map<string, number>();

  /** @param monotonic milliseconds of a clock that never goes back */
  constructor(
    private readonly monotonic: () => number,
    private readonly secureContext?: SecureContext,
  ) {}

  /** The metadata for an OAuth client; from its own endpoints without any network. @throws {DiscoveryError} */
  async metadataFor(client: OAuthClient): Promise<openid.ServerMetadata> {
    if (client.endpoints !== undefined) return metadataOf(client.issuer, client.endpoints);
    const seen = this.revisions.get(client.uid);
    const changed = seen !== undefined && seen !== client.revision;
    const known = this.entries.get(client.issuer);
    if (known !== undefined && !changed) {
      if (this.monotonic() >= known.nextAt) void this.look(client.issuer).catch(() => undefined);
      this.revisions.set(client.uid, client.revision);
      return known.metadata;
    }
    try {
      const metadata = await this.look(client.issuer);
      this.revisions.set(client.uid, client.revision);
      return metadata;
    } catch (error) {
      if (known === undefined) throw error;
      this.revisions.set(client.uid, client.revision);
      return known.metadata;
    }
  }

  /** One look-up per issuer at a time, whoever asks. */
  private look(issuer: string): Promise<openid.ServerMetadata> {
    let flight = this.flights.get(issuer);
    if (flight === undefined) {
      flight = this.discover(issuer).finally(() => this.flights.delete(issuer));
      this.flights.set(issuer, flight);
    }
    return flight;
  }

  private async discover(issuer: string): Promise<openid.ServerMetadata> {
    try {
      const metadata = await discover(issuer, this.secureContext);
      this.entries.set(issuer, { metadata, nextAt: this.monotonic() + FRESH_MS });
      return metadata;
    } catch (error) {
      const known = this.entries.get(issuer);
      if (known !== undefined) known.nextAt = this.monotonic() + RETRY_AFTER_FAILURE_MS;
      throw error;
    }
  }
}

async function discover(
  issuer: string,
  secureContext: SecureContext | undefined,
): Promise<openid.ServerMetadata> {
  const url = `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`;
  const transport = new RecordingFetch({ timeoutMs: DISCOVERY_TIMEOUT_MS, secureContext });
  let metadata: openid.ServerMetadata;
  try {
    const found = await openid.discovery(new URL(url), 'unused', undefined, openid.None(), {
      timeout: 0,
      [openid.customFetch]: transport.fetch,
      // The transport itself refuses plain http to anywhere but this machine.
      // oxlint-disable-next-line typescript/no-deprecated -- marked so to stand out; the transport refuses http
      execute: [openid.allowInsecureRequests],
    });
    metadata = found.serverMetadata();
  } catch {
    throw new DiscoveryError(explain(transport, url));
  }
  check(metadata, issuer, url);
  return metadata;
}

function explain(transport: RecordingFetch, url: string): string {
  const { result } = transport;
  if (result === undefined) return `${url} could not be asked for.`;
  if (result.kind !== 'answered') return result.description;
  const { status } = result.answer;
  if (status !== 200)
    return `${url} answered HTTP ${status}. Check the issuer, or wait until the server is back.`;
  return `${url} did not answer a discovery document.`;
}

/**
 * OpenID Connect Discovery section 4.3: the document has to name the issuer that was asked for. A slash at
 * the end makes no difference here: administrators rarely know which form the server uses.
 */
function check(metadata: openid.ServerMetadata, issuer: string, url: string): void {
  if (metadata.issuer.replace(/\/+$/, '') !== issuer.replace(/\/+$/, '')) {
    throw new DiscoveryError(
      `${url} names another issuer. Register the OAuth client with the issuer that it names.`,
    );
  }
  for (const field of ['authorization_endpoint', 'token_endpoint'] as const) {
    const endpoint = metadata[field];
    if (endpoint === undefined && field === 'authorization_endpoint') continue;
    const objection = typeof endpoint === 'string' ? objectionTo(endpoint) : 'is missing.';
    if (objection !== undefined) throw new DiscoveryError(`The ${field} in ${url} ${objection}`);
  }
}

function metadataOf(issuer: string, endpoints: NonNullable<OAuthClient['endpoints']>): openid.ServerMetadata {
  return {
    issuer,
    authorization_endpoint: endpoints.authorizationEndpoint,
    token_endpoint: endpoints.tokenEndpoint,
    ...(endpoints.revocationEndpoint ? { revocation_endpoint: endpoints.revocationEndpoint } : {}),
    ...(endpoints.jwksUri ? { jwks_uri: endpoints.jwksUri } : {}),
  };
}
