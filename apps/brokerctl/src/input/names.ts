import { UsageError } from '../usage-error.js';

/** The full name of an OAuth client: `indicium` and `clients/indicium` are the same. */
export function clientName(given: string): string {
  return inCollection('clients', given);
}

/** The full name of a workload. */
export function workloadName(given: string): string {
  return inCollection('workloads', given);
}

/** The full name of an access rule. */
export function accessRuleName(given: string): string {
  return inCollection('accessRules', given);
}

/** The full name of a connection: `indicium/u123` is short for `clients/indicium/connections/u123`. */
export function connectionName(given: string): string {
  const parts = given.split('/');
  return parts.length === 2 && parts[0] !== 'clients' ? `clients/${parts[0]}/connections/${parts[1]}` : given;
}

/**
 * A connection's name as its parent and its last segment, for creating it.
 * @throws {UsageError}
 */
export function newConnection(given: string): { parent: string; connectionId: string } {
  const [clients, client, connections, connectionId, ...rest] = connectionName(given).split('/');
  if (clients !== 'clients' || connections !== 'connections' || !client || !connectionId || rest.length > 0) {
    throw new UsageError(
      `"${given}" is not a connection's name. Write it as clients/{client}/connections/{connection}.`,
    );
  }
  return { parent: `clients/${client}`, connectionId };
}

/** The last segment of a name, for creating what it names. */
export function lastSegment(collection: string, given: string): string {
  const prefix = `${collection}/`;
  return given.startsWith(prefix) ? given.slice(prefix.length) : given;
}

function inCollection(collection: string, given: string): string {
  return given.includes('/') ? given : `${collection}/${given}`;
}
