import { status } from '@grpc/grpc-js';
import { TokenBrokerError } from '#libs/client';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import { UsageError } from '../usage-error.js';
import { printable } from './table.js';
import { span } from './times.js';

/** How a failure is told, and how the program ends. */
export interface ToldFailure {
  /** For standard error: `error: REASON: message`, and hints where there are any. */
  readonly text: string;
  readonly exitCode: number;
}

/** Says what went wrong, in one clear line, and what to do about it. */
export function tellFailure(error: unknown): ToldFailure {
  if (error instanceof TokenBrokerError) return tellRefusal(error);
  if (error instanceof UsageError) return told('USAGE', error.message, [], EXIT.usage);
  return told('FAILED', error instanceof Error ? error.message : String(error), [], EXIT.failed);
}

function tellRefusal(error: TokenBrokerError): ToldFailure {
  const { metadata, retryAfterMs } = error;
  const hints: string[] = [];
  if (metadata['reconnect_uri']) hints.push(`the user can connect again at ${metadata['reconnect_uri']}`);
  if (metadata['longest_ttl_seconds'])
    hints.push(`--min-ttl ${metadata['longest_ttl_seconds']}s is the most that can be had`);
  if (metadata['correlation_id']) hints.push(`correlation id ${metadata['correlation_id']}`);
  if (retryAfterMs !== undefined)
    hints.push(`try again in ${span(Math.max(Math.ceil(retryAfterMs / 1_000), 1) * 1_000)}`);
  if (error.reason === '') hints.push(...connectionHints(error));
  return told(
    error.reason || (status[error.code] ?? 'UNKNOWN'),
    error.message,
    hints,
    exitCodeOf(error.code),
  );
}

/** Without a reason it was not the broker that answered, but grpc-js that did not reach it. */
function connectionHints({ code, message }: TokenBrokerError): string[] {
  if (code !== status.UNAVAILABLE) return [];
  if (/certificate|self.signed|issuer|altname/i.test(message)) {
    return [
      'the broker shows a certificate that is not trusted: --ca names its authority, --server-name its name',
    ];
  }
  return ['is a broker running there? --address (BROKERCTL_ADDRESS) says where to call'];
}

function told(reason: string, message: string, hints: readonly string[], exitCode: number): ToldFailure {
  const lines = [`error: ${reason}: ${message}`, ...hints.map((hint) => `hint: ${hint}`)];
  return { text: `${lines.map(printable).join('\n')}\n`, exitCode };
}
