import type { Logger } from 'pino';
import type { BrokerEvent } from '#libs/core';

type Level = 'debug' | 'info' | 'warn' | 'error';

/** Writes an event as one line, named by `event`. */
export function logEvent(logger: Logger, event: BrokerEvent): void {
  const level = levelOf(event);
  if (!logger.isLevelEnabled(level)) return;
  const { type, ...fields } = event;
  logger[level]({ event: type, ...fields }, sentence(event));
}

function levelOf(event: BrokerEvent): Level {
  switch (event.type) {
    case 'token.read':
      return 'debug';
    case 'fault':
    case 'client.frozen':
      return 'error';
    case 'breaker.opened':
    case 'client.thawed':
    case 'database.away':
    case 'authorization.refused':
    case 'attempt.taken_over':
      return 'warn';
    case 'spending.stopped':
      // The others end by themselves.
      return event.code === 'starting' || event.code === 'awaiting_redo' ? 'warn' : 'error';
    case 'rotation.failed':
      return event.outcome === 'fault' || event.outcome === 'denied' ? 'error' : 'warn';
    default:
      return 'info';
  }
}

/** For people who read the raw lines; programs read the fields. */
function sentence(event: BrokerEvent): string {
  switch (event.type) {
    case 'rotation.succeeded':
      return `rotated ${event.connection}${event.saved ? '' : ', not saved yet'}`;
    case 'rotation.failed':
      return `rotation of ${event.connection} failed: ${event.outcome}`;
    case 'connection.changed':
      return `${event.connection} ${event.what}`;
    case 'attempt.taken_over':
      return `took over an attempt of ${event.replica} at ${event.connection}`;
    case 'spool.replayed':
      return `replayed from the spool: ${event.connection}: ${event.outcome}`;
    case 'save.settled':
      return `an answer that waited for the database: ${event.result}`;
    case 'fleet.redone':
      return `the database has failed over to timeline ${event.timeline}; the spool has been replayed onto it`;
    case 'spending.stopped':
      return `nothing is spent: ${event.description}`;
    case 'spending.resumed':
      return 'spending goes on';
    case 'authorization.refused':
      return `an authorization of ${event.connection} was refused`;
    case 'token.read':
      return `token of ${event.connection}: ${event.outcome}`;
    case 'admin.changed':
      return `${event.resource} ${event.what} by ${event.by}`;
    case 'breaker.opened':
      return `nothing is claimed for ${event.client} for now: ${event.error.code}`;
    case 'breaker.closed':
      return `${event.client} works again`;
    case 'client.frozen':
      return `${event.client} was frozen by ${event.by}: ${event.reason}`;
    case 'client.thawed':
      return `${event.client} was thawed by ${event.by}`;
    case 'canary.proved':
      return `${event.client} has proved itself; its connections follow`;
    case 'database.away':
      return 'the database is away; what is held goes on being served';
    case 'database.back':
      return 'the database is back';
    case 'fault':
      return `fault during ${event.during}`;
  }
}
