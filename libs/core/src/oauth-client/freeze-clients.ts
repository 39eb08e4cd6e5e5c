import type { Workload } from '../access/access.js';
import type { Directory } from '../access/directory.js';
import { requireRole } from '../access/require-role.js';
import { BrokerError } from '../errors.js';
import type { EventSink } from '../events.js';
import { clientName, workloadName } from '../resource-names.js';
import type { FreezeStore } from '../rotation/freeze-store.js';
import type { OAuthClient } from './oauth-client.js';

const LONGEST_REASON = 255;

/**
 * What operators do by hand when an authorization server is not to be trusted, or is again. Every method throws
 * a `BrokerError` for what it refuses, and `StoreUnavailableError` where the database is away.
 */
export class ClientFreezing {
  constructor(
    private readonly store: Pick<FreezeStore, 'freeze' | 'thaw'>,
    private readonly directory: Pick<Directory, 'client' | 'refresh'>,
    private readonly events: EventSink,
  ) {}

  /** Nothing is claimed for the OAuth client from now on, by any replica. */
  async freeze(caller: Workload, id: string, reason: string): Promise<OAuthClient> {
    requireRole(caller, 'OPERATOR');
    const why = checkedReason(reason);
    if (why === '')
      throw BrokerError.of('INVALID_REQUEST', 'reason is missing: say why, for whoever meets it.');
    await this.existing(id);
    const by = workloadName(caller.id);
    const { frozen } = await this.store.freeze(id, { reason: why, by });
    if (!frozen) throw BrokerError.of('STATE_CONFLICT', `${clientName(id)} is frozen already.`);
    this.events.emit({ type: 'client.frozen', client: clientName(id), reason: why, by, reconsidered: 0 });
    return this.afterwards(id);
  }

  /**
   * Ends a freeze: one rotation at a time has to prove the OAuth client first.
   * @param acceptDenials the denials were right, and those that follow are: none is reconsidered for two hours
   */
  async thaw(caller: Workload, id: string, reason: string, acceptDenials: boolean): Promise<OAuthClient> {
    requireRole(caller, 'OPERATOR');
    const why = checkedReason(reason);
    await this.existing(id);
    if (!(await this.store.thaw(id, acceptDenials))) {
      throw BrokerError.of('STATE_CONFLICT', `${clientName(id)} is not frozen.`);
    }
    const by = workloadName(caller.id);
    this.events.emit({ type: 'client.thawed', client: clientName(id), reason: why, by, acceptDenials });
    return this.afterwards(id);
  }

  private async afterwards(id: string): Promise<OAuthClient> {
    await this.directory.refresh();
    return this.existing(id);
  }

  private async existing(id: string): Promise<OAuthClient> {
    const client = await this.directory.client(id);
    if (!client) throw BrokerError.of('NOT_FOUND', `${clientName(id)} does not exist.`);
    return client;
  }
}

function checkedReason(reason: string): string {
  const trimmed = reason.trim();
  if (trimmed.length <= LONGEST_REASON) return trimmed;
  throw BrokerError.of('INVALID_REQUEST', `reason has at most ${LONGEST_REASON} characters.`);
}
