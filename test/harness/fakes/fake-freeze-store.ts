import type { Canary, Connection, Freeze, FreezeStore } from '#libs/core';
import { move, type Draft } from './apply-save.js';
import type { FakeDatabase, FakeRow } from './fake-database.js';

type Reconsider = NonNullable<Parameters<FreezeStore['freeze']>[2]>;

/** `FreezeStore` in memory; it keeps the same contract as the one on PostgreSQL. */
export class FakeFreezeStore implements FreezeStore {
  constructor(private readonly database: FakeDatabase) {}

  async freeze(
    clientId: string,
    freeze: Omit<Freeze, 'at'>,
    reconsider?: Reconsider,
  ): Promise<{ frozen: boolean; reconsidered: number }> {
    return this.database.run('freeze', () => {
      const accepted = (this.database.denialsAcceptedUntil.get(clientId) ?? 0) > this.database.clock.now();
      const isFrozen = this.database.client(clientId).freeze !== undefined;
      const frozen = !isFrozen && !(reconsider && accepted);
      if (frozen) {
        const at = this.database.clock.now();
        this.database.patchClient(clientId, (client) => ({ ...client, freeze: { ...freeze, at } }));
      }
      const alike = frozen && reconsider ? this.deniedAlike(clientId, reconsider) : [];
      if (reconsider) for (const row of alike) this.takeBack(row, reconsider);
      return { frozen, reconsidered: alike.length };
    });
  }

  async thaw(clientId: string, acceptDenials: boolean): Promise<boolean> {
    return this.database.run('thaw', () => {
      const { freeze, canary: _before, ...client } = this.database.client(clientId);
      if (!freeze) return false;
      const thawed = { ...client, revision: client.revision + 1 };
      this.database.patchClient(clientId, () => (acceptDenials ? thawed : { ...thawed, canary: 'thawed' }));
      const until = this.database.clock.now() + 2 * 3_600_000;
      if (acceptDenials) this.database.denialsAcceptedUntil.set(clientId, until);
      else this.database.denialsAcceptedUntil.delete(clientId);
      return true;
    });
  }

  async proveCanary(clientId: string, canary: Canary, by: Connection['grantType']): Promise<boolean> {
    return this.database.run('proveCanary', () => {
      const { canary: present, ...client } = this.database.client(clientId);
      if (present !== canary || client.freeze) return false;
      if (canary === 'thawed' && by !== 'refresh_token' && this.hasRefreshTokens(clientId)) return false;
      this.database.patchClient(clientId, () => client);
      return true;
    });
  }

  private hasRefreshTokens(clientId: string): boolean {
    return [...this.database.rows.values()].some(
      ({ connection }) =>
        connection.clientId === clientId &&
        connection.grantType === 'refresh_token' &&
        ['ACTIVE', 'IN_DOUBT'].includes(connection.state),
    );
  }

  private deniedAlike(clientId: string, { code, since }: Reconsider): FakeRow[] {
    return [...this.database.rows.values()].filter(({ connection, deniedFrom, lock }) => {
      const { state, stateBeforePause, lastError, attempt, refreshToken } = connection;
      return (
        connection.clientId === clientId &&
        (stateBeforePause ?? state) === 'REAUTHORIZATION_REQUIRED' &&
        deniedFrom === 'ACTIVE' &&
        lastError?.code === code &&
        lastError.at >= since &&
        refreshToken !== undefined &&
        attempt === undefined &&
        !lock.held
      );
    });
  }

  private takeBack(row: FakeRow, { decide }: Reconsider): void {
    const { lastError, probeAt } = decide(row.connection);
    const draft: Draft = { ...row.connection, lastError, dueAt: probeAt };
    move(draft, 'reconsidered');
    delete draft.notBefore;
    draft.revision += 1;
    draft.updatedAt = this.database.clock.now();
    row.connection = draft;
    delete row.deniedFrom;
  }
}
