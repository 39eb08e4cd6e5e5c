import { createHash } from 'node:crypto';
import type { Command } from 'commander';
import type { GetAccessTokenResponse } from '#proto/tokenbroker/v1/token_service';
import { toDuration } from '../input/duration.js';
import { connectionName } from '../input/names.js';
import { card } from '../output/table.js';
import { durationMillis, span, when } from '../output/times.js';
import type { Terminal } from '../terminal.js';
import { action, duration, several } from './command.js';

interface GetOptions {
  readonly minTtl?: number;
  readonly scope?: readonly string[];
  readonly resource?: string;
  readonly show?: boolean;
}

/** `brokerctl token` */
export function addTokenCommands(program: Command, terminal: Terminal): void {
  const token = program.command('token').description('access tokens');
  token
    .command('get')
    .description('get an access token: the bare token when piped, a summary on a terminal')
    .argument('<connection>', 'clients/{client}/connections/{connection}, or {client}/{connection}')
    .option('--min-ttl <duration>', 'the least life it must have left: 30s, 5m, 1h30m', duration)
    .option('--scope <scope>', 'a scope it must carry; may be repeated', several)
    .option('--resource <uri>', 'the resource it is for (RFC 8707)')
    .option('--show', 'print the token on a terminal as well')
    .action(
      action<GetOptions>(terminal, async (session, [connection = ''], options) => {
        const answer = await session.call(session.broker.tokens.getAccessToken.bind(session.broker.tokens), {
          connection: connectionName(connection),
          minTtl: options.minTtl === undefined ? undefined : toDuration(options.minTtl),
          scopes: [...(options.scope ?? [])],
          resource: options.resource ?? '',
        });
        const open = options.show === true || terminal.stdout.isTTY !== true;
        const shown = open ? answer : { ...answer, accessToken: masked(answer.accessToken) };
        session.show(shown, {}, () => (open ? answer.accessToken : summary(shown, terminal.now())));
      }),
    );
}

function summary(answer: GetAccessTokenResponse, now: number): string {
  return card([
    ['token', answer.accessToken],
    ['type', answer.tokenType],
    ['expires', when(answer.expireTime, now)],
    ['life left', answer.ttl ? span(durationMillis(answer.ttl)) : '-'],
    ['scopes', answer.scopes.join(' ')],
    ['resource', answer.resource],
    ['generation', answer.generation === 0n ? '-' : String(answer.generation)],
  ]);
}

/** Enough to tell two tokens apart, and nothing to use. */
function masked(token: string): string {
  const fingerprint = createHash('sha256').update(token).digest('hex').slice(0, 12);
  return `[${token.length} characters, sha256 ${fingerprint}; --show prints it]`;
}
