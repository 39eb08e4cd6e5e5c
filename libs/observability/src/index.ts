/** Event names, metrics and the redacting log. */
import type { Logger } from 'pino';
import type { BrokerEvent, EventSink } from '#libs/core';
import { logEvent } from './event-log.js';
import type { Metrics } from './metrics.js';

export * from './cached-stats.js';
export * from './logger.js';
export * from './metrics.js';
export * from './redaction.js';

/** Where all events go: each becomes a log line, a metric, or both. Never throws. */
export function createEventSink(logger: Logger, metrics: Metrics): EventSink {
  return {
    emit(event: BrokerEvent): void {
      try {
        metrics.count(event);
        logEvent(logger, event);
      } catch {
        // Telling must not undo what is told.
      }
    },
  };
}
