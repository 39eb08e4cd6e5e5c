import { clientName, type BreakerView, type ClientStatus, type ConnectionState } from '#libs/core';
import {
  ClientStatus_Breaker_State as WireState,
  type ClientStatus as WireStatus,
} from '#proto/tokenbroker/v1/client_service';
import { canaryToWire, freezeToWire } from './client.js';
import { durationFromMillis, optionalTimestamp } from './time.js';

const WIRE_STATE: Readonly<Record<BreakerView['state'], WireState>> = {
  closed: WireState.CLOSED,
  'half-open': WireState.HALF_OPEN,
  open: WireState.OPEN,
};

/** How rotating goes for an OAuth client, as callers see it. */
export function clientStatusToWire(status: ClientStatus): WireStatus {
  const { client, breaker, replica, available, figures } = status;
  const { cause } = breaker;
  return {
    name: clientName(client.id),
    freeze: freezeToWire(client.freeze),
    canary: canaryToWire(client.canary),
    breaker: {
      replica,
      state: WIRE_STATE[breaker.state],
      failureCount: breaker.failures,
      lastError: cause ? `${cause.code}: ${cause.description}` : '',
      retryTime: optionalTimestamp(breaker.until),
    },
    ratePerSecond: client.ratePerSecond,
    maxConcurrent: client.maxConcurrent,
    available: Math.floor(available),
    openAttempts: BigInt(figures.openAttempts),
    dueCount: BigInt(figures.dueCount),
    oldestOverdue: optionalDuration(figures.oldestOverdueMs),
    slack: optionalDuration(figures.slackMs),
    unservedCount: BigInt(figures.unservedCount),
    connectionCounts: Object.entries(figures.byState)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([state, count]) => ({ state: state as ConnectionState, count: BigInt(count) })),
  };
}

function optionalDuration(ms: number | undefined): ReturnType<typeof durationFromMillis> | undefined {
  return ms === undefined ? undefined : durationFromMillis(Math.max(0, ms));
}
