import { Command, CommanderError, Option } from 'commander';
import { addClientCommands } from './commands/clients.js';
import { duration } from './commands/command.js';
import { addConnectionCommands } from './commands/connections.js';
import { addInstallationCommands, addReplicaCommands } from './commands/fleet.js';
import { addRuleCommands } from './commands/rules.js';
import { addTokenCommands } from './commands/token.js';
import { addWorkloadCommands } from './commands/workloads.js';
import { EXIT, EXIT_CODES_HELP } from './exit-codes.js';
import { tellFailure } from './output/failure.js';
import type { Terminal } from './terminal.js';

const DEFAULT_ADDRESS = 'localhost:7443';
const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Runs one command line.
 * @param args without the program's own name
 * @returns the exit code
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await makeProgram(terminal).parseAsync(args, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const { text, exitCode } = tellFailure(error);
    terminal.stderr.write(text);
    return exitCode;
  }
}

function makeProgram(terminal: Terminal): Command {
  const program = new Command('brokerctl')
    .description('Administers a token broker, and reads tokens from it.')
    // Before any subcommand is made: they inherit both.
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'error: USAGE: ')),
    })
    .showHelpAfterError('(add --help for what there is)')
    .addOption(
      fromEnvironment(
        terminal,
        '--address <host:port>',
        'where the broker is',
        'BROKERCTL_ADDRESS',
        DEFAULT_ADDRESS,
      ),
    )
    .addOption(
      fromEnvironment(terminal, '--ca <file>', "the authority of the broker's certificate", 'BROKERCTL_CA'),
    )
    .addOption(fromEnvironment(terminal, '--cert <file>', "the caller's certificate", 'BROKERCTL_CERT'))
    .addOption(fromEnvironment(terminal, '--key <file>', "the caller's private key", 'BROKERCTL_KEY'))
    .option(
      '--as <name>',
      'call with the development certificate of that name, in place of --cert and --key (in a checkout; the default is admin)',
    )
    .option(
      '--server-name <name>',
      "the name in the broker's certificate, where it is reached by another one",
    )
    .addOption(
      new Option('--timeout <duration>', 'how long to wait for each answer')
        .argParser(duration)
        .default(DEFAULT_TIMEOUT_MS, '30s'),
    )
    .addOption(new Option('--output <format>', 'how to print').choices(['table', 'json']).default('table'));
  addTokenCommands(program, terminal);
  addConnectionCommands(program, terminal);
  addClientCommands(program, terminal);
  addWorkloadCommands(program, terminal);
  addRuleCommands(program, terminal);
  addReplicaCommands(program, terminal);
  addInstallationCommands(program, terminal);
  return program.addHelpText('afterAll', EXIT_CODES_HELP);
}

/** Commander reads `process.env` by itself; a terminal has its own environment. */
function fromEnvironment(
  terminal: Terminal,
  flags: string,
  what: string,
  name: string,
  fallback?: string,
): Option {
  const option = new Option(flags, `${what} (${name})`);
  const value = terminal.env[name] || fallback;
  if (value === fallback) return fallback === undefined ? option : option.default(fallback);
  return option.default(value, `${value}, by ${name}`);
}
