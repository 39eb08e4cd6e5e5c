import { BrokerError, messageOf, StoreUnavailableError, type RefusalReason } from '#libs/core';

/**
 * SQLSTATE classes and codes (PostgreSQL manual, appendix A) that say that the server cannot serve now,
 * not that the statement is wrong: 08 connection, 53 resources, 57 operator intervention, 58 system errors,
 * 55P03 lock not available, 25006 read-only (a demoted primary), 25P03 idle-in-transaction timeout,
 * 40 rollback (serialization, deadlock), 28 authorization, 3D000 no such database.
 */
const AWAY = /^(08|53|57|58|40|28)|^(55P03|25006|25P03|3D000)$/;

/** What sockets, DNS and TLS say. */
const NETWORK = /^(E[A-Z_]+|CERT_|ERR_TLS|ERR_SSL|SELF_SIGNED|UNABLE_TO)/;

/** What pg and TypeORM say without a code. */
const MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|not queryable|Client was closed|query_wait_timeout|read timeout|Query ?runner|Connection is not established|pool after calling end/i;

const UNIQUE_VIOLATION = '23505';
const FOREIGN_KEY_VIOLATION = '23503';

/** Runs a statement; a database that is away becomes a `StoreUnavailableError`. */
export async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isAway(error) ? new StoreUnavailableError(`The database is away: ${clean(error)}`) : error;
  }
}

/** Runs a statement; a violated constraint becomes a refusal with a message for the caller. */
export async function refusing<T>(
  violations: {
    readonly unique?: string;
    readonly foreignKey?: { readonly reason: RefusalReason; readonly message: string };
  },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await translated(work);
  } catch (error) {
    const code = codeOf(error);
    if (code === UNIQUE_VIOLATION && violations.unique) {
      throw BrokerError.of('ALREADY_EXISTS', violations.unique);
    }
    if (code === FOREIGN_KEY_VIOLATION && violations.foreignKey) throw new BrokerError(violations.foreignKey);
    throw error;
  }
}

/** Whether the error says that the database cannot serve now. */
export function isAway(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined) return AWAY.test(code) || NETWORK.test(code);
  return MESSAGES.test(messageOf(error));
}

/** Whether the server cannot be written: it is a standby, or was made one (SQLSTATE 25006). */
export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === '25006';
}

/** Whether pg gave a statement up without an answer: the answer may still come, on the same connection. */
export function isReadTimeout(error: unknown): boolean {
  return codeOf(error) === undefined && messageOf(error) === 'Query read timeout';
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, driverError } = error as { code?: unknown; driverError?: unknown };
  if (typeof code === 'string') return code;
  return driverError === undefined ? undefined : codeOf(driverError);
}

/** Without the connection string's password, which some drivers put into messages. */
function clean(error: unknown): string {
  return messageOf(error).replaceAll(/:\/\/[^@\s]*@/g, '://[secret]@');
}
