import type { Clock } from '../clock.js';
import type { Connection } from '../connection/connection.js';
import { BrokerError } from '../errors.js';
import type { ReconnectLinks } from '../handout/ports.js';
import { parseConnectionName, connectionName, type ConnectionName } from '../resource-names.js';
import { sealingContext, type Sealed, type Sealer } from '../sealer.js';
import { Secret } from '../secret.js';

/** What a link to connect says. */
export interface ConnectTicket {
  readonly connection: ConnectionName;
  /** Good for one authorization: the connection's epoch when the link was made. */
  readonly authorizationEpoch: number;
  /** Absent: the OAuth client's. */
  readonly scopes?: readonly string[];
  readonly loginHint?: string;
  readonly expiresAt: number;
}

/**
 * The links at which users grant authorizations. A link is a capability for one authorization of one
 * connection: sealed, so that nobody else can make one, and without a row of its own, so that a refused
 * read can carry one while the database is away.
 */
export class ConnectLinks implements ReconnectLinks {
  constructor(
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly publicUrl: string,
    private readonly ttlMs: number,
  ) {}

  /** The redirect URI of every OAuth client, exactly as it has to be registered. */
  get redirectUri(): string {
    return `${this.publicUrl}/callback`;
  }

  /** A link, and when it ends. */
  async link(
    connection: Connection,
    wishes: { readonly scopes?: readonly string[]; readonly loginHint?: string } = {},
  ): Promise<{ uri: string; expiresAt: number }> {
    const expiresAt = this.clock.now() + this.ttlMs;
    const ticket: ConnectTicket = {
      connection: { clientId: connection.clientId, connectionId: connection.connectionId },
      authorizationEpoch: connection.authorizationEpoch,
      ...wishes,
      expiresAt,
    };
    const sealed = await this.sealer.seal(new Secret(JSON.stringify(ticket)), sealingContext.connectTicket());
    return { uri: `${this.publicUrl}/connect/${sealed}`, expiresAt };
  }

  async reconnectUri(connection: Connection): Promise<string | undefined> {
    if (connection.grantType === 'client_credentials') return undefined;
    return (await this.link(connection)).uri;
  }

  /** @throws {BrokerError} `INVALID_REQUEST` for anything that is not a link of ours, or over */
  async open(ticket: string): Promise<ConnectTicket> {
    const opened = await this.tryOpen(ticket);
    if (opened === undefined) {
      throw BrokerError.of(
        'INVALID_REQUEST',
        'This link is not complete or not from here. Ask for a new one.',
      );
    }
    if (opened.expiresAt <= this.clock.now()) {
      throw BrokerError.of('INVALID_REQUEST', 'This link is too old. Ask for a new one.');
    }
    parseConnectionName(connectionName(opened.connection));
    return opened;
  }

  private async tryOpen(ticket: string): Promise<ConnectTicket | undefined> {
    if (ticket.length > 8_192) return undefined;
    try {
      const opened = await this.sealer.open(ticket as Sealed, sealingContext.connectTicket());
      return JSON.parse(opened.reveal()) as ConnectTicket;
    } catch {
      return undefined;
    }
  }
}
