import type { Refusal } from '../errors.js';
import type { Freeze } from '../oauth-client/oauth-client.js';
import { clientName, connectionName } from '../resource-names.js';
import type { BudgetLimit } from '../rotation/budget.js';
import type { Connection } from './connection.js';

/** Why a connection in this state can neither be read nor rotated; `undefined` where it can. */
export function refusalForState(connection: Connection): Refusal | undefined {
  const name = connectionName(connection);
  switch (connection.state) {
    case 'ACTIVE':
    case 'IN_DOUBT':
      return undefined;
    case 'PAUSED':
      return {
        reason: 'CONNECTION_PAUSED',
        message: `${name} has been paused by an operator, who can resume it.`,
      };
    case 'REVOKED':
      return {
        reason: 'CONNECTION_REVOKED',
        message: `${name} has been revoked. It can be authorized anew.`,
      };
    case 'REAUTHORIZATION_REQUIRED': {
      const cause = connection.lastError;
      return {
        reason: 'REAUTHORIZATION_REQUIRED',
        message: cause
          ? `${name} has to be authorized again (${cause.code}: ${cause.description}).`
          : `${name} has not been authorized yet.`,
        metadata: { last_error: cause?.code ?? 'never_authorized' },
      };
    }
  }
}

/** The refusal for a token that cannot be had before the connection's doubt is resolved. */
export function inDoubt(connection: Connection, retryAfterMs: number): Refusal {
  const cause = connection.lastError;
  return {
    reason: 'CONNECTION_IN_DOUBT',
    message: `A refresh token of ${connectionName(connection)} may have been spent, and its answer is not in hand (${cause?.code ?? 'unknown'}). The broker resolves this by itself, as late as is safe.`,
    metadata: { last_error: cause?.code ?? 'unknown' },
    retryAfterMs,
  };
}

/** Failures that waiting does not heal: the registration, the secret, the address or the sealed token is wrong. */
const NEEDS_REPAIR: ReadonlySet<string> = new Set([
  'access_denied',
  'client_unknown',
  'client_unusable',
  'endpoint_not_found',
  'invalid_client',
  'invalid_request',
  'invalid_resource',
  'invalid_scope',
  'invalid_target',
  'no_refresh_token',
  'unauthorized_client',
  'unreadable_refresh_token',
  'unsupported_grant_type',
  'url_not_allowed',
]);

/**
 * The refusal for a token that cannot be had because the authorization server is in trouble, or does not
 * accept the OAuth client.
 */
export function serverDown(
  code: string | undefined,
  description: string | undefined,
  retryAfterMs: number,
): Refusal {
  if (code === 'database_unavailable') {
    return {
      reason: 'DATABASE_UNAVAILABLE',
      message: 'The database went away before anything was sent. Try again.',
      retryAfterMs: 2_000,
    };
  }
  if (code !== undefined && NEEDS_REPAIR.has(code)) {
    return {
      reason: 'AUTHORIZATION_SERVER_REFUSED',
      message: `No new access token can be had before somebody repairs the OAuth client or the connection (${code}: ${description ?? ''}).`,
      metadata: { last_error: code },
      retryAfterMs: Math.max(retryAfterMs, 5_000),
    };
  }
  return {
    reason: 'AUTHORIZATION_SERVER_DOWN',
    message: `The authorization server gives no new access token now (${code ?? 'unknown'}: ${description ?? 'no reason known'}). The broker keeps trying.`,
    metadata: { last_error: code ?? 'unknown' },
    retryAfterMs: Math.max(retryAfterMs, 250),
  };
}

/** The refusal while the OAuth client is frozen. */
export function clientFrozen(clientId: string, freeze: Freeze): Refusal {
  return {
    reason: 'CLIENT_FROZEN',
    message: `${clientName(clientId)} is frozen: nothing is rotated through it before an operator thaws it (${freeze.reason}).`,
    metadata: { client: clientName(clientId), frozen_by: freeze.by },
  };
}

/** The refusal of who could not be served within the budget of the OAuth client before its deadline. */
export function rateBudget(clientId: string, limit: BudgetLimit, retryAfterMs: number): Refusal {
  return {
    reason: 'RATE_BUDGET',
    message: `The budget of ${clientName(clientId)} had no room for this rotation before the deadline (${LIMIT_WORDS[limit]}). Try again.`,
    metadata: { client: clientName(clientId), limit },
    retryAfterMs: Math.max(retryAfterMs, 250),
  };
}

const LIMIT_WORDS: Readonly<Record<BudgetLimit, string>> = {
  rate: 'its rate per second is used up',
  concurrency: 'as many rotations as it may have are under way',
  canary: 'it has changed or was thawed, and one rotation at a time has to prove it first',
  demand: 'others wait for it',
};

/** The refusal of who would have to queue behind too many others. */
export function tooManyWaiting(clientId: string): Refusal {
  return {
    reason: 'TOO_MANY_WAITING',
    message: `Too many reads wait for rotations of ${clientName(clientId)} in this replica already. Try again later, or ask another replica.`,
    metadata: { client: clientName(clientId) },
    retryAfterMs: 1_000,
  };
}

/** The refusal of a replica that is about to end. */
export function shuttingDown(): Refusal {
  return {
    reason: 'SHUTTING_DOWN',
    message: 'This replica is shutting down. Ask another one.',
    retryAfterMs: 250,
  };
}
