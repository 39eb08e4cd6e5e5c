import { call, connectBroker, type BrokerConnection } from '#libs/client';
import { toJson, type EnumNames } from './output/json.js';
import { brokerAddress, type GlobalOptions } from './settings.js';
import type { Terminal } from './terminal.js';

/** A method of a generated client, not bound to it yet. */
type Method<Request, Response> = Parameters<typeof call<Request, Response>>[0];

/** One run of one command: the way to the broker, and the way to the user. */
export interface Session {
  readonly terminal: Terminal;
  readonly options: GlobalOptions;
  readonly broker: BrokerConnection;
  /** Calls within `--timeout`. @throws {TokenBrokerError} */
  readonly call: <Request, Response>(
    method: Method<Request, Response>,
    request: Request,
  ) => Promise<Response>;
  /** Writes a line, or several, to standard output. */
  print(text: string): void;
  /** Writes a message as JSON with `--output json`, and as a text otherwise. */
  show(message: object, enums: EnumNames, text: () => string): void;
}

/** Runs a command with a connection to the broker, and closes it in the end. */
export async function withSession(
  terminal: Terminal,
  options: GlobalOptions,
  run: (session: Session) => Promise<void>,
): Promise<void> {
  const broker = connectBroker(brokerAddress(options, terminal));
  const print = (text: string): void => void terminal.stdout.write(`${text}\n`);
  try {
    await run({
      terminal,
      options,
      broker,
      print,
      call: (method, request) => call(method, request, options.timeout),
      show: (message, enums, text) =>
        print(options.output === 'json' ? JSON.stringify(toJson(message, enums), null, 2) : text()),
    });
  } finally {
    broker.close();
  }
}
