import { call, TokenBrokerError, type BrokerConnection } from '#libs/client';
import type { Connection } from '#proto/tokenbroker/v1/connection_service';
import type { GetAccessTokenResponse } from '#proto/tokenbroker/v1/token_service';
import { connectAs } from '../../apps/dev-as/src/index.js';

/** Asks for a token. */
export function getToken(
  broker: BrokerConnection,
  connection: string,
  options: { readonly minTtlSeconds?: number; readonly scopes?: string[]; readonly deadlineMs?: number } = {},
): Promise<GetAccessTokenResponse> {
  const { minTtlSeconds, scopes = [], deadlineMs } = options;
  const minTtl = minTtlSeconds === undefined ? undefined : { seconds: BigInt(minTtlSeconds), nanos: 0 };
  const request = { connection, minTtl, scopes, resource: '' };
  return call(broker.tokens.getAccessToken.bind(broker.tokens), request, deadlineMs);
}

/** The refusal of a call that must be refused. */
export async function refusalOf(answer: Promise<unknown>): Promise<TokenBrokerError> {
  const outcome = await answer.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('value' in outcome) throw new Error('The call succeeded, although it must not.');
  if (outcome.error instanceof TokenBrokerError) return outcome.error;
  throw outcome.error;
}

/** One connection, by its name. */
export async function getConnection(broker: BrokerConnection, name: string): Promise<Connection> {
  const { connection } = await call(broker.connections.getConnection.bind(broker.connections), { name });
  if (!connection) throw new Error(`No ${name} in the answer.`);
  return connection;
}

/** Connects a user through the pages, as a browser would. */
export async function connectUser(broker: BrokerConnection, name: string, login: string): Promise<string> {
  const { authorizationUri } = await call(broker.connections.startAuthorization.bind(broker.connections), {
    name,
    scopes: [],
    loginHint: '',
  });
  const journey = await connectAs(authorizationUri, { login });
  if (journey.status !== 200 || !journey.body.includes('Connected')) {
    throw new Error(`The journey ended at ${journey.status}: ${journey.body.replaceAll(/<[^>]*>/g, ' ')}`);
  }
  return authorizationUri;
}

/** Rotates now. */
export async function rotate(broker: BrokerConnection, name: string): Promise<Connection> {
  const { connection } = await call(broker.connections.rotateConnection.bind(broker.connections), { name });
  if (!connection) throw new Error(`No ${name} in the answer.`);
  return connection;
}
