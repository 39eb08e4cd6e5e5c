import { Option, type Command } from 'commander';
import {
  Client_AuthMethod as AuthMethod,
  Client_Canary as Canary,
  type Client,
} from '#proto/tokenbroker/v1/client_service';
import { clientName, lastSegment } from '../input/names.js';
import { card, table } from '../output/table.js';
import { durationMillis, span, when } from '../output/times.js';
import type { Session } from '../session.js';
import type { Terminal } from '../terminal.js';
import { UsageError } from '../usage-error.js';
import { AUTH_METHODS, clientFromOptions, maskOf, secretOf, type ClientOptions } from './client-options.js';
import { addClientOperations } from './client-operations.js';
import { freezeLine } from './client-status-views.js';
import { action, duration, numberBetween, several, wholeNumber } from './command.js';
import { PROFILE_ENUMS, PROFILE_SETTING_HELP, PROFILE_SETTINGS_HELP } from './profile-settings.js';
import { profileCard, profileTable, settingRows } from './profile-views.js';

const NAME = 'clients/{client}, or {client}';
const ENUMS = { auth_method: AuthMethod, canary: Canary, ...PROFILE_ENUMS };

/** `brokerctl clients` */
export function addClientCommands(program: Command, terminal: Terminal): void {
  const clients = program.command('clients').description('registrations at authorization servers');
  addReading(clients, terminal);
  addChanging(clients, terminal);
  addClientOperations(clients, terminal);
}

function addReading(clients: Command, terminal: Terminal): void {
  clients
    .command('list')
    .description('list OAuth clients in the order of their names')
    .action(
      action(terminal, async (session) => {
        const { clients: service } = session.broker;
        const answer = await session.call(service.listClients.bind(service), {});
        session.show(answer, ENUMS, () => clientTable(answer.clients));
      }),
    );
  clients
    .command('get')
    .description('show one OAuth client; its secret is never shown')
    .argument('<name>', NAME)
    .action(
      action(terminal, async (session, [name = '']) => {
        const { clients: service } = session.broker;
        showOne(
          session,
          (await session.call(service.getClient.bind(service), { name: clientName(name) })).client,
        );
      }),
    );
  clients
    .command('profiles')
    .description('list the profiles that OAuth clients may have, or show all settings of one')
    .argument('[name]', 'a profile')
    .action(
      action(terminal, async (session, [name]) => {
        const { clients: service } = session.broker;
        const { profiles } = await session.call(service.listProfiles.bind(service), {});
        if (name === undefined) return session.show({ profiles }, ENUMS, () => profileTable(profiles));
        const profile = profiles.find((one) => one.name === name);
        if (!profile) throw new UsageError(`There is no profile "${name}".`);
        session.show(profile, ENUMS, () => profileCard(profile));
      }),
    );
}

function addChanging(clients: Command, terminal: Terminal): void {
  withFields(
    clients.command('create').description('register an OAuth client').argument('<name>', NAME),
  ).action(
    action<ClientOptions>(terminal, async (session, [name = ''], options) => {
      if (!options.issuer || !options.clientId)
        throw new UsageError('A new OAuth client needs --issuer and --client-id.');
      const client = clientFromOptions('', options, await secretOf(terminal, options));
      const { clients: service } = session.broker;
      const request = { clientId: lastSegment('clients', name), client };
      showOne(session, (await session.call(service.createClient.bind(service), request)).client);
    }),
  );
  withFields(
    clients
      .command('update')
      .description('change what is given, and leave the rest')
      .argument('<name>', NAME),
  ).action(
    action<ClientOptions>(terminal, async (session, [name = ''], options) => {
      const updateMask = maskOf(options);
      if (updateMask.length === 0)
        throw new UsageError('Say what to change: --issuer, --scope, --secret-stdin, ...');
      const client = clientFromOptions(clientName(name), options, await secretOf(terminal, options));
      const { clients: service } = session.broker;
      showOne(
        session,
        (await session.call(service.updateClient.bind(service), { client, updateMask })).client,
      );
    }),
  );
  clients
    .command('delete')
    .description('delete an OAuth client that has no connections')
    .argument('<name>', NAME)
    .action(
      action(terminal, async (session, [name = '']) => {
        const { clients: service } = session.broker;
        await session.call(service.deleteClient.bind(service), { name: clientName(name) });
        session.show({ deleted: clientName(name) }, {}, () => `${clientName(name)} is deleted.`);
      }),
    );
}

function withFields(command: Command): Command {
  return command
    .option('--issuer <url>', 'the issuer, with its path: https://host/indicium')
    .option('--client-id <id>', 'the client_id there')
    .addOption(new Option('--auth-method <method>', 'how the broker authenticates').choices(AUTH_METHODS))
    .option('--secret-stdin', 'read the client secret from standard input')
    .option('--secret-file <file>', 'read the client secret from a file')
    .option('--scope <scope>', 'a scope to ask for by default; may be repeated', several)
    .option('--profile <profile>', 'how the authorization server deviates (clients profiles lists them)')
    .option('--profile-setting <key=value>', PROFILE_SETTING_HELP, several)
    .addHelpText('after', PROFILE_SETTINGS_HELP)
    .option(
      '--rotate-at <share>',
      "the share of a token's life after which it is rotated",
      numberBetween(0.1, 0.9),
    )
    .option('--rate <n>', 'rotations per second at the most, over all replicas', numberBetween(0.01, 10_000))
    .option(
      '--max-concurrent <n>',
      'rotations under way at the most, over all replicas',
      wholeNumber(1, 10_000),
    )
    .option('--default-token-ttl <duration>', 'the life to assume where an answer names none', duration)
    .option(
      '--refresh-token-idle-ttl <duration>',
      'how long a refresh token may be held unused; 0: as the server answers',
      duration,
    )
    .option(
      '--authorization-ttl <duration>',
      'how long an authorization lasts from when its user gave it; 0: as the server answers',
      duration,
    )
    .option('--authorization-endpoint <url>', 'instead of discovery, with --token-endpoint')
    .option('--token-endpoint <url>', 'instead of discovery, with --authorization-endpoint')
    .option('--revocation-endpoint <url>', 'where there is one, without discovery')
    .option('--jwks-uri <url>', 'where ID tokens are to be verified, without discovery');
}

function showOne(session: Session, client: Client | undefined): void {
  if (!client) throw new Error('The broker answered without an OAuth client.');
  session.show(client, ENUMS, () => clientCard(client, session.terminal.now()));
}

function clientTable(clients: readonly Client[]): string {
  return table<Client>(
    [
      { title: 'NAME', of: ({ name }) => name },
      { title: 'ISSUER', of: ({ issuer }) => issuer },
      { title: 'CLIENT ID', of: ({ clientId }) => clientId },
      { title: 'AUTH METHOD', of: ({ authMethod }) => AuthMethod[authMethod] },
      { title: 'PROFILE', of: ({ profile }) => profile },
      { title: 'SCOPES', of: ({ scopes }) => scopes.join(' ') },
    ],
    clients,
  );
}

function ttl(duration: Client['defaultTokenTtl']): string {
  return duration ? span(durationMillis(duration)) : '-';
}

function clientCard(client: Client, now: number): string {
  const { endpoints, defaultTokenTtl, effectiveProfile, profileSettings } = client;
  return card([
    ['name', client.name],
    ['issuer', client.issuer],
    ['client id', client.clientId],
    ['auth method', AuthMethod[client.authMethod]],
    ['scopes', client.scopes.join(' ')],
    ['profile', client.profile],
    ['rotate at', String(client.rotateAt)],
    ['default token ttl', ttl(defaultTokenTtl)],
    ['refresh token idle ttl', ttl(client.refreshTokenIdleTtl)],
    ['authorization ttl', ttl(client.authorizationTtl)],
    ['rate per second', String(client.ratePerSecond)],
    ['max concurrent', String(client.maxConcurrent)],
    ['frozen', freezeLine(client.freeze, now)],
    ['redirect uri', client.redirectUri],
    ['authorization endpoint', endpoints?.authorizationEndpoint ?? '-'],
    ['token endpoint', endpoints?.tokenEndpoint ?? '-'],
    ['revocation endpoint', endpoints?.revocationEndpoint ?? '-'],
    ['jwks uri', endpoints?.jwksUri ?? '-'],
    ['created', when(client.createTime, now)],
    ['changed', when(client.updateTime, now)],
    ...(effectiveProfile?.settings ? settingRows(effectiveProfile.settings, profileSettings) : []),
  ]);
}
