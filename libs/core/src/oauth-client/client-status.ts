import type { Workload } from '../access/access.js';
import type { Directory } from '../access/directory.js';
import { requireRole } from '../access/require-role.js';
import type { ConnectionState } from '../connection/state.js';
import { BrokerError } from '../errors.js';
import { clientName } from '../resource-names.js';
import type { Breakers, BreakerView } from '../rotation/breaker.js';
import { availableIn } from '../rotation/budget.js';
import type { OAuthClient } from './oauth-client.js';

/** What the database knows of how rotating goes for an OAuth client. Counts are bounded. */
export interface ClientFigures {
  readonly clientId: string;
  /** What was left of the budget when it was last looked at. */
  readonly available: number;
  readonly sinceRefillMs: number;
  readonly openAttempts: number;
  readonly dueCount: number;
  /** Absent: nothing is overdue. */
  readonly oldestOverdueMs?: number;
  /** How long all that can be served now could still be; absent where there is nothing. */
  readonly slackMs?: number;
  /** Connections that should be kept fresh and have no good token. */
  readonly unservedCount: number;
  readonly byState: Readonly<Partial<Record<ConnectionState, number>>>;
}

/** Reads the figures. Throws `StoreUnavailableError` where the database is away. */
export interface ClientFiguresStore {
  /** Of one OAuth client, or of all. */
  clientFigures(clientId?: string): Promise<ClientFigures[]>;
}

/** How rotating goes for an OAuth client. */
export interface ClientStatus {
  readonly client: OAuthClient;
  /** As this replica sees it. */
  readonly breaker: BreakerView;
  readonly replica: string;
  /** Rotations that could begin at once now, as far as the rate is concerned. */
  readonly available: number;
  readonly figures: ClientFigures;
}

/** What operators look at when rotations do not come. */
export class ClientStatuses {
  constructor(
    private readonly store: ClientFiguresStore,
    private readonly directory: Pick<Directory, 'known' | 'refresh'>,
    private readonly breakers: Pick<Breakers, 'view'>,
    private readonly replica: string,
  ) {}

  /** Of one. @throws {BrokerError} `NOT_FOUND` */
  async get(caller: Workload, id: string): Promise<ClientStatus> {
    requireRole(caller, 'READER');
    const [status] = await this.read(id);
    if (!status) throw BrokerError.of('NOT_FOUND', `${clientName(id)} does not exist.`);
    return status;
  }

  /** Of all, in the order of their names. */
  async list(caller: Workload): Promise<ClientStatus[]> {
    requireRole(caller, 'READER');
    const statuses = await this.read();
    return statuses.sort((a, b) => (a.client.id < b.client.id ? -1 : 1));
  }

  private async read(id?: string): Promise<ClientStatus[]> {
    await this.directory.refresh();
    const all = await this.store.clientFigures(id);
    return all.flatMap((figures) => {
      const client = this.directory.known(figures.clientId);
      if (!client) return [];
      const { replica } = this;
      const breaker = this.breakers.view(client.id);
      return [{ client, breaker, replica, figures, available: availableIn({ ...client, ...figures }) }];
    });
  }
}
