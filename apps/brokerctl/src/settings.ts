import { accessSync, constants } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { BrokerAddress } from '#libs/client';
import { DEVELOPMENT_ADMINISTRATOR, developmentFiles, developmentPki } from './development-certificates.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

/** The global options as commander hands them over. */
export interface GlobalOptions {
  readonly address: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly as?: string;
  readonly serverName?: string;
  readonly output: 'table' | 'json';
  /** Milliseconds. */
  readonly timeout: number;
}

/**
 * Where to call, and as whom. What is not given comes from the development certificates, where there are
 * any: the administrator's, or those of the name in `--as`.
 * @throws {UsageError} where a file is missing or cannot be read
 */
export function brokerAddress(
  options: GlobalOptions,
  { cwd, env }: Pick<Terminal, 'cwd' | 'env'>,
): BrokerAddress {
  // A certificate in the environment is somebody's habit; `--as` is what they want now.
  const { cert, key } = options.as === undefined ? options : {};
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError('--cert and --key belong together: give both.');
  }
  const pki = developmentPki(cwd, env);
  if (options.as !== undefined && pki === undefined) {
    throw new UsageError(
      '--as works where a checkout has development certificates (.data/pki). Start it once, or give --cert and --key.',
    );
  }
  const development = pki === undefined ? undefined : developmentFiles(pki, checkedName(options.as));
  const caFile = options.ca ?? development?.ca;
  const certFile = cert ?? development?.cert;
  const keyFile = key ?? development?.key;
  if (caFile === undefined || certFile === undefined || keyFile === undefined) {
    throw new UsageError(
      'Say who you are: --ca, --cert and --key, or BROKERCTL_CA, BROKERCTL_CERT and BROKERCTL_KEY.',
    );
  }
  const serverName = options.serverName ?? (isIP(hostOf(options.address)) === 0 ? undefined : 'localhost');
  return {
    address: options.address,
    caFile: readable(caFile, '--ca', cwd),
    certFile: readable(certFile, '--cert', cwd),
    keyFile: readable(keyFile, '--key', cwd),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

function checkedName(name = DEVELOPMENT_ADMINISTRATOR): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return name;
  throw new UsageError(`--as takes the name of a development certificate, not "${name}".`);
}

/** `host` of `host:port`; an IPv6 address stands in brackets. */
function hostOf(address: string): string {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):\d{1,5}$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw new UsageError(`--address is host:port, not "${address}".`);
  return host;
}

function readable(file: string, option: string, cwd: string): string {
  const path = resolve(cwd, file);
  try {
    accessSync(path, constants.R_OK);
    return path;
  } catch {
    throw new UsageError(`${path} cannot be read (${option}).`);
  }
}
