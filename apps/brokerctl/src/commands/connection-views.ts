import {
  Connection_GrantType as GrantType,
  Connection_State as State,
  Connection_SubjectKind as SubjectKind,
  type Connection,
} from '#proto/tokenbroker/v1/connection_service';
import type { EnumNames } from '../output/json.js';
import { card, table } from '../output/table.js';
import { when } from '../output/times.js';

/** The enums of a connection by their fields, for JSON. */
export const CONNECTION_ENUMS: EnumNames = { state: State, subject_kind: SubjectKind, grant_type: GrantType };

/** Connections, one a line. */
export function connectionTable(connections: readonly Connection[], now: number): string {
  return table<Connection>(
    [
      { title: 'NAME', of: ({ name }) => name },
      { title: 'STATE', of: ({ state }) => State[state] },
      { title: 'GENERATION', of: ({ generation }) => String(generation) },
      { title: 'EXPIRES', of: ({ expireTime }) => when(expireTime, now) },
      { title: 'NEXT ROTATION', of: ({ rotateTime }) => when(rotateTime, now) },
      { title: 'LAST ERROR', of: ({ lastError }) => clipped(lastError) },
    ],
    connections,
  );
}

/** Connections that will need their user, soonest first. */
export function forecastTable(connections: readonly Connection[], now: number): string {
  return table<Connection>(
    [
      { title: 'NAME', of: ({ name }) => name },
      { title: 'NEEDS ITS USER', of: ({ reauthorizeTime }) => when(reauthorizeTime, now) },
      { title: 'STATE', of: ({ state }) => State[state] },
      { title: 'SUBJECT', of: ({ subject }) => subject },
      { title: 'AUTHORIZED', of: ({ authorizeTime }) => when(authorizeTime, now) },
      { title: 'LAST ERROR', of: ({ lastError }) => clipped(lastError) },
    ],
    connections,
  );
}

function clipped(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** All that is known of one. */
export function connectionCard(connection: Connection, now: number): string {
  return card([
    ['name', connection.name],
    ['state', State[connection.state]],
    ['subject', [SubjectKind[connection.subjectKind], connection.subject].filter(Boolean).join(' ')],
    ['grant type', GrantType[connection.grantType]],
    ['generation', String(connection.generation)],
    ['scopes', connection.scopes.join(' ')],
    ['expires', when(connection.expireTime, now)],
    ['next rotation', when(connection.rotateTime, now)],
    ['last rotation', when(connection.lastRotateTime, now)],
    ['authorized', when(connection.authorizeTime, now)],
    ['refresh token expires', when(connection.refreshTokenExpireTime, now)],
    ['needs its user', when(connection.reauthorizeTime, now)],
    ['failures in a row', connection.failureCount === 0 ? '-' : String(connection.failureCount)],
    ['last error', connection.lastError],
    ['created', when(connection.createTime, now)],
    ['changed', when(connection.updateTime, now)],
    ['revision', String(connection.revision)],
  ]);
}
