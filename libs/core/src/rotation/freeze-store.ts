import type { Connection, LastError } from '../connection/connection.js';
import type { Canary, Freeze } from '../oauth-client/oauth-client.js';

/** The freeze and the canary of OAuth clients. Every method throws `StoreUnavailableError` where the database is away. */
export interface FreezeStore {
  /**
   * Freezes an OAuth client, for all replicas from the next claim on, and takes denials back in the same
   * transaction, so that none is missed that another replica saves meanwhile.
   * @param reconsider given by the storm brake: which denials are taken back, those with this code since then,
   *   but for probes; `decide` says what each becomes. Nothing happens while an operator has accepted denials
   * @returns whether it was not frozen before, and how many denials were taken back
   */
  freeze(
    clientId: string,
    freeze: Omit<Freeze, 'at'>,
    reconsider?: {
      readonly code: string;
      readonly since: number;
      readonly decide: (denied: Connection) => { readonly lastError: LastError; readonly probeAt: number };
    },
  ): Promise<{ readonly frozen: boolean; readonly reconsidered: number }>;
  /**
   * Ends a freeze; `false` where it is not frozen. One rotation has to prove the OAuth client, unless an operator
   * says that the denials were right: then the storm brake lets them pass for a while.
   */
  thaw(clientId: string, acceptDenials: boolean): Promise<boolean>;
  /**
   * Ends a canary; `false` where it is another one by now. After a thaw, client credentials prove nothing for
   * refresh tokens, where there are any.
   */
  proveCanary(clientId: string, canary: Canary, by: Connection['grantType']): Promise<boolean>;
}
