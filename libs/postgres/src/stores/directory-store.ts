import type { DataSource } from 'typeorm';
import type { DirectorySnapshot, DirectoryStore } from '#libs/core';
import { InstallationRow, OAuthClientRow } from '../rows.js';
import { translated } from '../store-errors.js';
import { PostgresAccessStore } from './access-store.js';
import { toOAuthClient } from './client-store.js';

/** The small part of the database that every replica keeps in memory. */
export class PostgresDirectoryStore implements DirectoryStore {
  constructor(private readonly source: DataSource) {}

  async version(): Promise<number> {
    return translated(async () => {
      const row = await this.source.getRepository(InstallationRow).findOneByOrFail({ only_row: true });
      return Number(row.directory_version);
    });
  }

  /** The version is read first: what changes meanwhile is read again at the next look. */
  async load(): Promise<DirectorySnapshot> {
    const version = await this.version();
    const access = new PostgresAccessStore(this.source);
    const [clients, workloads, rules] = await Promise.all([
      translated(() => this.source.getRepository(OAuthClientRow).find()),
      access.listWorkloads(),
      access.listAccessRules(),
    ]);
    return { version, clients: clients.map(toOAuthClient), workloads, rules };
  }
}
