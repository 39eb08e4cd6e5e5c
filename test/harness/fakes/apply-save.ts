import {
  nextState,
  type Connection,
  type ConnectionEvent,
  type ConnectionState,
  type RotationSave,
} from '#libs/core';
import type { FakeDatabase, FakeRow } from './fake-database.js';

/** A connection under change. */
export type Draft = { -readonly [K in keyof Connection]: Connection[K] };

/** Carries out a guarded save as the database does; `undefined` where the guard did not hold. */
export function applySave(
  database: FakeDatabase,
  row: FakeRow,
  save: RotationSave,
): 'saved' | 'doubted' | undefined {
  if (!guardHolds(row, save)) return undefined;
  const draft: Draft = { ...row.connection };
  const isFrozen = database.client(draft.clientId).freeze !== undefined;
  const reprieve = save.change.kind === 'denied' && isFrozen ? save.change.whileFrozen : undefined;
  const change: RotationSave['change'] = reprieve ? { kind: 'doubted', ...reprieve } : save.change;
  if (change.kind === 'denied') row.deniedFrom = draft.stateBeforePause ?? draft.state;
  if (change.kind === 'rotated') {
    move(draft, 'rotated');
    if (draft.grantType !== 'client_credentials') draft.generation = change.generation;
    if (change.refreshToken) draft.refreshToken = change.refreshToken;
    if (change.scopes) draft.scopes = change.scopes;
    draft.dueAt = change.dueAt ?? draft.dueAt ?? database.clock.now();
    if (change.accessToken.variantKey === '') draft.expiresAt = change.accessToken.expiresAt;
    draft.tokenTtlMs = change.tokenTtlMs;
    setOrForget(draft, 'refreshExpiresAt', change.refreshExpiresAt);
    setOrForget(draft, 'authorizationExpiresAt', change.authorizationExpiresAt);
    draft.lastRotatedAt = database.clock.now();
    draft.failureCount = 0;
    delete draft.notBefore;
    delete draft.lastError;
    delete draft.doubt;
    row.tokens.set(change.accessToken.variantKey, change.accessToken);
  } else {
    if (change.kind !== 'released' || !change.variantOnly) draft.lastError = change.lastError;
    applyFailure(draft, change, save.attemptId, database.clock.now());
  }
  delete draft.attempt;
  draft.revision += 1;
  draft.updatedAt = database.clock.now();
  row.connection = draft;
  row.lastAttemptId = save.attemptId;
  return reprieve ? 'doubted' : 'saved';
}

function applyFailure(
  draft: Draft,
  change: Exclude<RotationSave['change'], { kind: 'rotated' }>,
  attemptId: string,
  now: number,
): void {
  switch (change.kind) {
    case 'released':
      // It was the doubt's own attempt, and nothing was spent.
      if (!draft.attempt) {
        move(draft, 'cleared');
        delete draft.doubt;
      }
      if (change.variantOnly) return;
      draft.failureCount = change.failureCount;
      draft.notBefore = change.notBefore;
      draft.dueAt = change.notBefore;
      return;
    case 'denied':
      move(draft, 'denied');
      delete draft.doubt;
      draft.failureCount += 1;
      delete draft.dueAt;
      return;
    case 'doubted':
      move(draft, 'doubted');
      draft.failureCount += 1;
      draft.dueAt = change.probeAt;
      delete draft.notBefore;
      draft.doubt = {
        attemptId,
        at: draft.doubt?.at ?? now,
        ...(change.askSpool === undefined ? {} : { spoolId: change.askSpool }),
      };
  }
}

/** What is not known (any more) is not there. */
export function setOrForget(
  draft: Draft,
  field: 'authorizedAt' | 'refreshExpiresAt' | 'authorizationExpiresAt',
  value: number | undefined,
): void {
  delete draft[field];
  if (value !== undefined) draft[field] = value;
}

/**
 * The guard: failures are the attempt's, or the doubt's; a new token counts while the row is where it came from,
 * or has been put back to before that.
 */
function guardHolds({ connection }: FakeRow, save: RotationSave): boolean {
  const putBack = connection.generation < save.generation;
  if (connection.generation > save.generation || (putBack && save.change.kind !== 'rotated')) return false;
  if (save.atRevision !== undefined && save.change.kind !== 'rotated') {
    return connection.attempt === undefined && connection.revision === save.atRevision;
  }
  if (connection.attempt?.id === save.attemptId) return true;
  const inDoubt = connection.state === 'IN_DOUBT' || connection.stateBeforePause === 'IN_DOUBT';
  if (!connection.attempt && inDoubt && connection.doubt?.attemptId === save.attemptId) return true;
  return (
    save.change.kind === 'rotated' &&
    connection.grantType === 'refresh_token' &&
    connection.state !== 'REVOKED' &&
    connection.authorizationEpoch === save.authorizationEpoch
  );
}

/** What happens while a connection is paused happens to the state it will resume to. */
export function move(draft: Draft, event: ConnectionEvent): void {
  const after = (state: ConnectionState): ConnectionState => nextState(state, event) ?? state;
  draft.state = after(draft.state);
  if (draft.stateBeforePause) draft.stateBeforePause = after(draft.stateBeforePause);
}
