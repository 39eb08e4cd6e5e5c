import { Option, type Command } from 'commander';
import type { Timestamp } from '#proto/google/protobuf/timestamp';
import {
  Connection_State as State,
  Connection_SubjectKind as SubjectKind,
  type Connection,
} from '#proto/tokenbroker/v1/connection_service';
import { connectionName, newConnection } from '../input/names.js';
import { readSecret } from '../input/secret-input.js';
import { absolute, span, millisOf } from '../output/times.js';
import type { Session } from '../session.js';
import type { Terminal } from '../terminal.js';
import { toDuration } from '../input/duration.js';
import { instant } from '../input/instant.js';
import { action, duration, numberBetween, several } from './command.js';
import { parentOf, upTo } from './pages.js';
import { CONNECTION_ENUMS, connectionCard, connectionTable, forecastTable } from './connection-views.js';

const NAME = 'clients/{client}/connections/{connection}, or {client}/{connection}';
const STATES = ['ACTIVE', 'IN_DOUBT', 'REAUTHORIZATION_REQUIRED', 'PAUSED', 'REVOKED'] as const;
const FORECAST_MS = 30 * 24 * 3_600_000;

interface Scoped {
  readonly scope?: readonly string[];
}

/** `brokerctl connections` */
export function addConnectionCommands(program: Command, terminal: Terminal): void {
  const connections = program.command('connections').description('what the broker keeps fresh');
  addReading(connections, terminal);
  addBeginning(connections, terminal);
  addSteering(connections, terminal);
}

function addReading(connections: Command, terminal: Terminal): void {
  connections
    .command('list')
    .description('list connections in the order of their names')
    .option('--client <client>', 'only those of one OAuth client')
    .addOption(new Option('--state <state>', 'only those in one state').choices(STATES))
    .option('--limit <count>', 'how many at the most', numberBetween(1, 1_000_000), 100)
    .action(
      action<{ client?: string; state?: (typeof STATES)[number]; limit: number }>(
        terminal,
        async (session, _args, options) => {
          const { connections: service } = session.broker;
          const parent = parentOf(options.client);
          const state = options.state === undefined ? State.UNSPECIFIED : State[options.state];
          const found = await upTo(options.limit, (page) =>
            session.call(service.listConnections.bind(service), { parent, state, ...page }),
          );
          session.show({ connections: found.connections }, CONNECTION_ENUMS, () =>
            connectionTable(found.connections, terminal.now()),
          );
          if (found.more)
            terminal.stderr.write(`There are more than ${options.limit}; --limit shows more of them.\n`);
        },
      ),
    );
  connections
    .command('forecast')
    .description('list the connections that will need their user, soonest first; those that do already lead')
    .addOption(
      new Option('--within <duration>', 'how far to look ahead')
        .argParser(duration)
        .default(FORECAST_MS, '30d'),
    )
    .option('--client <client>', 'only those of one OAuth client')
    .option('--limit <count>', 'how many at the most', numberBetween(1, 1_000_000), 100)
    .action(
      action<{ client?: string; within: number; limit: number }>(
        terminal,
        async (session, _args, options) => {
          const { connections: service } = session.broker;
          const parent = parentOf(options.client);
          const within = toDuration(options.within);
          const found = await upTo(options.limit, (page) =>
            session.call(service.listReauthorizations.bind(service), { parent, within, ...page }),
          );
          session.show({ connections: found.connections }, CONNECTION_ENUMS, () =>
            forecastTable(found.connections, terminal.now()),
          );
          if (found.more)
            terminal.stderr.write(`There are more than ${options.limit}; --limit shows more of them.\n`);
        },
      ),
    );
  connections
    .command('get')
    .description('show one connection')
    .argument('<name>', NAME)
    .action(
      action(terminal, async (session, [name = '']) => {
        const method = session.broker.connections.getConnection.bind(session.broker.connections);
        showOne(session, (await session.call(method, { name: connectionName(name) })).connection);
      }),
    );
}

function addBeginning(connections: Command, terminal: Terminal): void {
  connections
    .command('connect')
    .description('make the link at which a user connects; creates the connection where it does not exist')
    .argument('<name>', NAME)
    .option('--scope <scope>', "a scope to ask for, instead of the OAuth client's; may be repeated", several)
    .option('--login-hint <hint>', 'who is expected to log in')
    .action(
      action<Scoped & { loginHint?: string }>(terminal, async (session, [name = ''], options) => {
        const method = session.broker.connections.startAuthorization.bind(session.broker.connections);
        const answer = await session.call(method, {
          name: connectionName(name),
          scopes: [...(options.scope ?? [])],
          loginHint: options.loginHint ?? '',
        });
        session.show(answer, CONNECTION_ENUMS, () => answer.authorizationUri);
        if (session.options.output === 'table' && answer.expireTime) {
          const left = span(millisOf(answer.expireTime) - terminal.now());
          terminal.stderr.write(
            `Give this link to the user, and to nobody else. It ends ${absolute(answer.expireTime)} (in ${left}).\n`,
          );
        }
      }),
    );
  connections
    .command('create')
    .description('create a service account by client credentials')
    .argument('<name>', NAME)
    .option('--scope <scope>', "a scope to ask for, instead of the OAuth client's; may be repeated", several)
    .action(
      action<Scoped>(terminal, async (session, [name = ''], options) => {
        const method = session.broker.connections.createConnection.bind(session.broker.connections);
        const request = { ...newConnection(name), scopes: [...(options.scope ?? [])] };
        showOne(session, (await session.call(method, request)).connection);
      }),
    );
  connections
    .command('import')
    .description(
      'take over a refresh token, read from standard input or a file; nobody else may use it from then on',
    )
    .argument('<name>', NAME)
    .option('--file <file>', 'the file that has the refresh token, instead of standard input')
    .option(
      '--scope <scope>',
      "a scope it was granted, instead of the OAuth client's; may be repeated",
      several,
    )
    .option('--subject <sub>', 'its subject at the authorization server')
    .option('--service-account', 'its subject is a technical account, not a person')
    .option('--authorized-at <time>', 'when its user authorized it, as 2026-05-01T12:00:00Z', instant)
    .action(
      action<
        Scoped & { file?: string; subject?: string; serviceAccount?: boolean; authorizedAt?: Timestamp }
      >(terminal, async (session, [name = ''], options) => {
        const parts = newConnection(name);
        const refreshToken = await readSecret(terminal, 'refresh token', options.file);
        const method = session.broker.connections.importConnection.bind(session.broker.connections);
        const answer = await session.call(method, {
          ...parts,
          refreshToken: refreshToken.reveal(),
          subjectKind: options.serviceAccount ? SubjectKind.SERVICE_ACCOUNT : SubjectKind.USER,
          subject: options.subject ?? '',
          scopes: [...(options.scope ?? [])],
          authorizeTime: options.authorizedAt,
        });
        showOne(session, answer.connection);
      }),
    );
}

function addSteering(connections: Command, terminal: Terminal): void {
  const steer = (
    verb: string,
    description: string,
    method: (session: Session, name: string) => Promise<{ connection: Connection | undefined }>,
  ): void => {
    connections
      .command(verb)
      .description(description)
      .argument('<name>', NAME)
      .action(
        action(terminal, async (session, [name = '']) => {
          showOne(session, (await method(session, connectionName(name))).connection);
        }),
      );
  };
  steer(
    'rotate',
    'rotate now, and wait for the outcome',
    ({ call, broker: { connections: service } }, name) =>
      call(service.rotateConnection.bind(service), { name }),
  );
  steer(
    'pause',
    'stop rotating and handing out; the tokens are kept',
    ({ call, broker: { connections: service } }, name) =>
      call(service.pauseConnection.bind(service), { name }),
  );
  steer('resume', 'end a pause', ({ call, broker: { connections: service } }, name) =>
    call(service.resumeConnection.bind(service), { name }),
  );
}

function showOne(session: Session, connection: Connection | undefined): void {
  if (!connection) throw new Error('The broker answered without a connection.');
  session.show(connection, CONNECTION_ENUMS, () => connectionCard(connection, session.terminal.now()));
}
