import type { ClientRegistry } from './client-registry.js';
import type { Ledger } from './ledger.js';
import type { StateStore } from './state-store.js';

/** Which grants to revoke; nothing given means all. */
export interface GrantFilter {
  subject?: string;
  client_id?: string;
}

/** What an operator can do to the server while it runs; also the in-process side of the control API. */
export class Control {
  #accessTokenTtlSeconds: number;

  constructor(
    readonly store: StateStore,
    readonly ledger: Ledger,
    readonly clients: ClientRegistry,
    accessTokenTtlSeconds: number,
  ) {
    this.#accessTokenTtlSeconds = positive(accessTokenTtlSeconds);
  }

  /** Life of the next access token of this client. */
  accessTokenTtlSeconds(clientId?: string): number {
    const own = clientId === undefined ? undefined : this.clients.get(clientId)?.access_token_ttl_seconds;
    return own ?? this.#accessTokenTtlSeconds;
  }

  /** Sets the life of access tokens issued from now on, for all clients that have none of their own. */
  setAccessTokenTtl(seconds: number): void {
    this.#accessTokenTtlSeconds = positive(seconds);
  }

  /** Ends grants as if the user or an administrator had: the next refresh is answered `invalid_grant`. */
  revokeGrants({ subject, client_id }: GrantFilter = {}): number {
    const grantIds = this.store.grantIds({
      ...(subject === undefined ? {} : { accountId: subject }),
      ...(client_id === undefined ? {} : { clientId: client_id }),
    });
    for (const grantId of grantIds) {
      this.store.revokeGrant(grantId);
      this.ledger.chainRevoked(grantId, 'revoked_by_control');
    }
    return grantIds.length;
  }
}

function positive(seconds: number): number {
  if (!Number.isInteger(seconds) || seconds <= 0) throw new TypeError('seconds must be a positive integer');
  return seconds;
}
