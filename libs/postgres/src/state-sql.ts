import { nextState, type ConnectionEvent, type ConnectionState } from '#libs/core';

const STATES: readonly ConnectionState[] = [
  'ACTIVE',
  'IN_DOUBT',
  'REAUTHORIZATION_REQUIRED',
  'PAUSED',
  'REVOKED',
];

/**
 * SQL for the state after an event, made from the one transition table, so that the database and the code
 * cannot disagree. Where the table refuses the event, the state stays.
 */
export function nextStateSql(event: ConnectionEvent, column = 'state'): string {
  const cases = STATES.flatMap((state) => {
    const next = nextState(state, event);
    return next === undefined ? [] : [`WHEN '${state}' THEN '${next}'`];
  });
  return cases.length === 0 ? column : `CASE ${column} ${cases.join(' ')} ELSE ${column} END`;
}
