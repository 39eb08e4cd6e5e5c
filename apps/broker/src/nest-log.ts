import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';

/** Nest's own messages, in the broker's log; its start-up chatter only at debug level. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: unknown): void {
    this.logger.debug({ event: 'nest', context }, String(message));
  }

  warn(message: unknown, context?: unknown): void {
    this.logger.warn({ event: 'nest', context }, String(message));
  }

  error(message: unknown, ...details: unknown[]): void {
    this.logger.error(
      { event: 'nest', error: message instanceof Error ? message : undefined, details },
      String(message),
    );
  }
}
