/** Why the embedded server could not be started; stable, for callers and tests to branch on. */
export type EmbeddedPostgresErrorCode =
  /** A live process (another `npm start`) owns this data directory. */
  | 'DATA_DIR_IN_USE'
  /** Somebody else's PostgreSQL server runs on this data directory. */
  | 'FOREIGN_SERVER'
  /** The data directory was made by another major version of PostgreSQL. */
  | 'OTHER_MAJOR_VERSION'
  /** The path exists, and is not a PostgreSQL data directory of ours. */
  | 'NOT_A_DATA_DIR'
  /** The port is taken by another program. */
  | 'PORT_IN_USE'
  /** The binaries are missing, cannot be run, or no account can run them. */
  | 'BINARIES_UNUSABLE'
  /** A leftover server would not stop. */
  | 'STOP_FAILED'
  /** Anything else: the message carries the end of the server's log. */
  | 'START_FAILED';

/** A fault of the embedded server. The message is one that can be shown to a developer as it is. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';

  constructor(
    readonly code: EmbeddedPostgresErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Whether a system error carries this code, such as `ENOENT`. Asked by property and not by `instanceof`:
 * under Jest, Node's errors come from another realm.
 */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
