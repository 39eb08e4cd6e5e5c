import { pino, type DestinationStream, type Logger } from 'pino';
import { redact, redactText } from './redaction.js';

/** How to log. */
export interface LoggerOptions {
  readonly level: string;
  /** The replica's name; on every line. */
  readonly replica: string;
  /** Absent: standard output, synchronously, so that the last line before an end is not lost. */
  readonly destination?: DestinationStream;
}

/**
 * A logger of JSON lines whose every line is redacted (promise P9): whatever is handed to it, nothing that
 * looks like a token or a secret is written.
 */
export function createLogger({ level, replica, destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { replica, pid: process.pid },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      hooks: {
        logMethod(args, method) {
          const redacted = args.map((arg) => (typeof arg === 'string' ? redactText(arg) : arg));
          method.apply(this, redacted as Parameters<typeof method>);
        },
      },
    },
    destination ?? pino.destination({ sync: true }),
  );
}
