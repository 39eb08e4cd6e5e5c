import { BrokerError, parseClientName, parseConnectionName, Secret, type ConnectionName } from '#libs/core';
import type { ConnectionServiceServer } from '#proto/tokenbroker/v1/connection_service';
import { deadlineOf } from '../deadline.js';
import { connectionToWire, stateFromWire, subjectKindFromWire } from '../messages/connection.js';
import { checkedMillis, millisFromTimestamp, timestampFromMillis } from '../messages/time.js';
import type { GrpcServerParts } from '../parts.js';
import { unary, type CallContext } from './unary.js';

const DEFAULT_PAGE_SIZE = 50;
const LARGEST_PAGE_SIZE = 1_000;
/** AIP-159: reading across collections. */
const ALL_CLIENTS = 'clients/-';
const LONGEST_TEXT = 255;
const DEFAULT_FORECAST_MS = 30 * 24 * 3_600_000;
const LONGEST_FORECAST_MS = 3_653 * 24 * 3_600_000;

type Methods = Pick<
  ConnectionServiceServer,
  | 'startAuthorization'
  | 'createConnection'
  | 'importConnection'
  | 'getConnection'
  | 'listConnections'
  | 'listReauthorizations'
  | 'rotateConnection'
  | 'pauseConnection'
  | 'resumeConnection'
>;

/** `tokenbroker.v1.ConnectionService`. Roles are checked by the use cases. */
export function connectionService(
  context: CallContext,
  { connections, clock }: Pick<GrpcServerParts, 'connections' | 'clock'>,
): Methods {
  return {
    startAuthorization: unary(context, async (request, caller) => {
      const started = await connections.startAuthorization(caller, parseConnectionName(request.name), {
        scopes: request.scopes,
        loginHint: shortText(request.loginHint, 'login_hint'),
      });
      return {
        authorizationUri: started.uri,
        expireTime: timestampFromMillis(started.expiresAt),
        connection: connectionToWire(started.connection),
      };
    }),

    createConnection: unary(context, async (request, caller) => ({
      connection: connectionToWire(
        await connections.createServiceAccount(caller, childOf(request), request.scopes),
      ),
    })),

    importConnection: unary(context, async (request, caller) => ({
      connection: connectionToWire(
        await connections.importRefreshToken(caller, childOf(request), {
          refreshToken: new Secret(request.refreshToken),
          subjectKind: subjectKindFromWire(request.subjectKind),
          subject: shortText(request.subject, 'subject'),
          scopes: request.scopes,
          ...(request.authorizeTime ? { authorizedAt: millisFromTimestamp(request.authorizeTime) } : {}),
        }),
      ),
    })),

    getConnection: unary(context, async (request, caller) => ({
      connection: connectionToWire(await connections.get(caller, parseConnectionName(request.name))),
    })),

    listConnections: unary(context, async (request, caller) => {
      const state = stateFromWire(request.state);
      const page = await connections.list(caller, {
        ...(request.parent === ALL_CLIENTS ? {} : { clientId: parseClientName(request.parent) }),
        ...(state ? { state } : {}),
        pageSize: pageSizeOf(request.pageSize),
        pageToken: request.pageToken,
      });
      return { connections: page.connections.map(connectionToWire), nextPageToken: page.nextPageToken };
    }),

    listReauthorizations: unary(context, async (request, caller) => {
      const page = await connections.listReauthorizations(caller, {
        ...(request.parent === ALL_CLIENTS ? {} : { clientId: parseClientName(request.parent) }),
        withinMs: request.within
          ? checkedMillis(request.within, 'within', LONGEST_FORECAST_MS)
          : DEFAULT_FORECAST_MS,
        pageSize: pageSizeOf(request.pageSize),
        pageToken: request.pageToken,
      });
      return { connections: page.connections.map(connectionToWire), nextPageToken: page.nextPageToken };
    }),

    rotateConnection: unary(context, async (request, caller, call) => {
      const name = parseConnectionName(request.name);
      return {
        connection: connectionToWire(await connections.rotate(caller, name, deadlineOf(call, clock))),
      };
    }),

    pauseConnection: unary(context, async (request, caller) => ({
      connection: connectionToWire(await connections.pause(caller, parseConnectionName(request.name))),
    })),

    resumeConnection: unary(context, async (request, caller) => ({
      connection: connectionToWire(await connections.resume(caller, parseConnectionName(request.name))),
    })),
  };
}

function childOf(request: { readonly parent: string; readonly connectionId: string }): ConnectionName {
  return { clientId: parseClientName(request.parent), connectionId: request.connectionId };
}

/** AIP-158: zero is the default, too many are as many as there may be, a negative number is a mistake. */
function pageSizeOf(given: number): number {
  if (given < 0) throw BrokerError.of('INVALID_REQUEST', 'page_size is not negative; zero means 50.');
  return given === 0 ? DEFAULT_PAGE_SIZE : Math.min(given, LARGEST_PAGE_SIZE);
}

function shortText(text: string, field: string): string {
  if (text.length <= LONGEST_TEXT) return text;
  throw BrokerError.of('INVALID_REQUEST', `${field} has at most ${LONGEST_TEXT} characters.`);
}
