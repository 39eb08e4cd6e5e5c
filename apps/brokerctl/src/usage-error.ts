/** The command line, the environment or a file that it names cannot be used as it is. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
