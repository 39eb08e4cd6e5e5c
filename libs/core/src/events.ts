import type { ConnectionState } from './connection/state.js';
import type { LastError } from './connection/connection.js';
import type { RefusalReason } from './errors.js';
import type { Canary } from './oauth-client/oauth-client.js';

/** What made a rotation happen. */
export type RotationTrigger = 'schedule' | 'demand' | 'operator';

/**
 * Everything worth telling, in one place: libs/observability turns each into a log line, a metric, or both.
 * No event carries a token or a secret.
 */
export type BrokerEvent =
  | {
      readonly type: 'rotation.succeeded';
      readonly connection: string;
      readonly trigger: RotationTrigger;
      readonly fromGeneration: number;
      readonly toGeneration: number;
      readonly expiresAt: number;
      readonly durationMs: number;
      /** `false`: the database is away and the answer waits in memory. */
      readonly saved: boolean;
      readonly variant: string;
    }
  | {
      readonly type: 'rotation.failed';
      readonly connection: string;
      readonly trigger: RotationTrigger;
      readonly outcome: 'released' | 'denied' | 'doubted' | 'superseded' | 'fault';
      readonly generation: number;
      readonly durationMs: number;
      readonly error?: LastError;
      readonly retryAt?: number;
    }
  | {
      readonly type: 'connection.changed';
      readonly connection: string;
      readonly state: ConnectionState;
      readonly by: string;
      readonly what: 'created' | 'imported' | 'authorized' | 'paused' | 'resumed';
    }
  | { readonly type: 'attempt.taken_over'; readonly connection: string; readonly replica: string }
  | { readonly type: 'spool.replayed'; readonly connection: string; readonly outcome: string }
  /** The database had failed over; what this replica had settled is settled there, too. */
  | { readonly type: 'fleet.redone'; readonly timeline: number }
  /** This replica spends nothing any more; the description says what to do. */
  | { readonly type: 'spending.stopped'; readonly code: string; readonly description: string }
  | { readonly type: 'spending.resumed'; readonly after: string }
  | { readonly type: 'save.settled'; readonly connectionUid: string; readonly result: string }
  | { readonly type: 'authorization.refused'; readonly connection: string; readonly error: string }
  | {
      readonly type: 'token.read';
      readonly connection: string;
      readonly workload: string;
      readonly outcome: 'cached' | 'rotated' | RefusalReason;
      readonly durationMs: number;
    }
  | {
      readonly type: 'admin.changed';
      readonly by: string;
      readonly what: string;
      readonly resource: string;
    }
  | {
      /** Nothing is claimed for the OAuth client by this replica until `retryAt`. */
      readonly type: 'breaker.opened';
      readonly client: string;
      readonly error: LastError;
      readonly failures: number;
      readonly retryAt: number;
    }
  | { readonly type: 'breaker.closed'; readonly client: string }
  | {
      /** Nothing is claimed for the OAuth client by any replica until an operator thaws it. */
      readonly type: 'client.frozen';
      readonly client: string;
      readonly reason: string;
      readonly by: string;
      /** How many denials were taken back: they are in doubt now. */
      readonly reconsidered: number;
    }
  | {
      readonly type: 'client.thawed';
      readonly client: string;
      readonly reason: string;
      readonly by: string;
      readonly acceptDenials: boolean;
    }
  | { readonly type: 'canary.proved'; readonly client: string; readonly canary: Canary }
  | { readonly type: 'database.away'; readonly during: string; readonly error: string }
  | { readonly type: 'database.back'; readonly during: string }
  | { readonly type: 'fault'; readonly during: string; readonly error: unknown };

/** Is told of everything that happens. Must not throw. */
export interface EventSink {
  emit(event: BrokerEvent): void;
}
