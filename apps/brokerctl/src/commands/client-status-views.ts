import {
  Client_Canary as Canary,
  ClientStatus_Breaker_State as BreakerState,
  type Client_Freeze as Freeze,
  type ClientStatus,
} from '#proto/tokenbroker/v1/client_service';
import type { Duration } from '#proto/google/protobuf/duration';
import { card, table } from '../output/table.js';
import { durationMillis, span, when } from '../output/times.js';

/** Statuses, one a line. */
export function statusTable(statuses: readonly ClientStatus[]): string {
  return table<ClientStatus>(
    [
      { title: 'NAME', of: ({ name }) => name },
      { title: 'CONDITION', of: conditionOf },
      { title: 'DUE', of: ({ dueCount }) => String(dueCount) },
      { title: 'OLDEST OVERDUE', of: ({ oldestOverdue }) => spanOf(oldestOverdue) },
      { title: 'UNDER WAY', of: ({ openAttempts, maxConcurrent }) => `${openAttempts} of ${maxConcurrent}` },
      { title: 'SLACK', of: ({ slack }) => spanOf(slack) },
      { title: 'UNSERVED', of: ({ unservedCount }) => String(unservedCount) },
      { title: 'LAST ERROR', of: ({ breaker }) => clipped(breaker?.lastError ?? '') },
    ],
    statuses,
  );
}

/** All that is known of how rotating goes for one. */
export function statusCard(status: ClientStatus, now: number): string {
  const { breaker } = status;
  return card([
    ['name', status.name],
    ['frozen', freezeLine(status.freeze, now) || 'no'],
    ['canary', canaryLine(status.canary)],
    ['breaker', breaker ? `${BreakerState[breaker.state]}, of replica ${breaker.replica}` : '-'],
    ['failures in a row', breaker?.failureCount ? String(breaker.failureCount) : '-'],
    ['last error', breaker?.lastError ?? '-'],
    ['next rotation goes through', when(breaker?.retryTime, now)],
    ['rate', `${status.ratePerSecond} a second, ${status.available} available now`],
    ['under way', `${status.openAttempts} of ${status.maxConcurrent} at the most`],
    ['due now', String(status.dueCount)],
    ['oldest overdue', spanOf(status.oldestOverdue)],
    ['slack', spanOf(status.slack)],
    ['unserved', String(status.unservedCount)],
    ...status.connectionCounts.map(({ state, count }) => [state, String(count)] as const),
  ]);
}

/** Who froze it, when, and why; empty where it is not frozen. */
export function freezeLine(freeze: Freeze | undefined, now: number): string {
  return freeze ? `${when(freeze.time, now)} by ${freeze.by}: ${freeze.reason}` : '';
}

function conditionOf({ freeze, breaker, canary }: ClientStatus): string {
  if (freeze) return 'FROZEN';
  if (breaker?.state === BreakerState.OPEN) return 'BREAKER OPEN';
  if (breaker?.state === BreakerState.HALF_OPEN) return 'BREAKER HALF OPEN';
  return canary === Canary.UNSPECIFIED ? 'ok' : 'CANARY';
}

function canaryLine(canary: Canary): string {
  switch (canary) {
    case Canary.CHANGED:
      return 'new or changed: one rotation at a time, until the authorization server has accepted it';
    case Canary.THAWED:
      return 'thawed: one rotation at a time, until one has been granted';
    default:
      return '-';
  }
}

function spanOf(duration: Duration | undefined): string {
  return duration ? span(durationMillis(duration)) : '-';
}

function clipped(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
