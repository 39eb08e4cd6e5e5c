import { hostname } from 'node:os';
import { z } from 'zod';
import type { BrokerConfig } from './broker-config.js';
import { contradictions } from './config-contradictions.js';

/** The configuration cannot be used; `mistakes` has all of them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly mistakes: readonly string[]) {
    super(mistakes.join('\n'));
  }
}

const PREFIX = 'TOKEN_BROKER_';

const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/, 'is host:port, such as 127.0.0.1:7443');
const seconds = (least: number, most: number): z.ZodType<number> =>
  z.coerce
    .number(`is a number of seconds`)
    .min(least, `is at least ${least} seconds`)
    .max(most, `is at most ${most} seconds`);
const count = (least: number, most: number): z.ZodType<number> =>
  z.coerce
    .number('is a whole number')
    .int('is a whole number')
    .min(least, `is at least ${least}`)
    .max(most, `is at most ${most}`);
const required = (what: string): z.ZodString => z.string(`is missing: ${what}`).min(1, `is empty: ${what}`);

/** The settings by their names in the environment; each message completes "NAME …". */
const environment = z.object({
  DATABASE_URL: required('give postgres://user:password@host:port/database').regex(
    /^postgres(ql)?:\/\//,
    'is a URL that begins with postgres://',
  ),
  TOKEN_BROKER_GRPC_ADDRESS: address.default('127.0.0.1:7443'),
  TOKEN_BROKER_GRPC_CERT_FILE: required('the PEM file of the server certificate of the gRPC endpoint'),
  TOKEN_BROKER_GRPC_KEY_FILE: required('the PEM file of the private key of the gRPC endpoint'),
  TOKEN_BROKER_GRPC_CLIENT_CA_FILE: required('the PEM file of the CAs whose client certificates count'),
  TOKEN_BROKER_WEB_ADDRESS: address.default('127.0.0.1:7480'),
  TOKEN_BROKER_WEB_CERT_FILE: z.string().optional(),
  TOKEN_BROKER_WEB_KEY_FILE: z.string().optional(),
  TOKEN_BROKER_PUBLIC_URL: required(
    'how browsers reach the connect page, such as https://broker.example.com',
  ).refine(
    (url) => /^https?:\/\/[^/?#]+(\/[^?#]*)?$/.test(url) && URL.canParse(url),
    'is an http(s) URL without query and fragment',
  ),
  TOKEN_BROKER_SEALING_KEY_FILE: z.string().optional(),
  TOKEN_BROKER_SEALING_KEYS: z.string().optional(),
  TOKEN_BROKER_SPOOL_DIR: required('a directory of this replica alone, on a disk that outlives the process'),
  TOKEN_BROKER_ADMINISTRATORS: required('identities that administer, such as spiffe://example.com/admin'),
  TOKEN_BROKER_REPLICA: z
    .string()
    .regex(/^[\w.-]{1,100}$/, 'is 1 to 100 letters, digits and ._-')
    .default(
      `${hostname()
        .replaceAll(/[^\w.-]/g, '-')
        .slice(0, 80)}-${process.pid}`,
    ),
  TOKEN_BROKER_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'is trace, debug, info, warn, error or fatal')
    .default('info'),
  TOKEN_BROKER_TICK_SECONDS: seconds(0.1, 60).default(1),
  TOKEN_BROKER_EXCHANGE_TIMEOUT_SECONDS: seconds(1, 120).default(30),
  TOKEN_BROKER_ATTEMPT_DEADLINE_SECONDS: seconds(2, 600).default(60),
  TOKEN_BROKER_ROTATION_CONCURRENCY: count(1, 500).default(16),
  TOKEN_BROKER_DATABASE_CONNECTIONS: count(2, 500).default(10),
  TOKEN_BROKER_HELD_CONNECTIONS: count(1, 10_000_000).default(100_000),
  TOKEN_BROKER_CONNECT_LINK_HOURS: z.coerce
    .number('is a number of hours')
    .min(0.01)
    .max(24 * 30)
    .default(24),
});

/** Values for required settings that are missing or wrong, so that the rest can be looked at, too. */
const HARMLESS: Readonly<Record<string, string>> = {
  DATABASE_URL: 'postgres://localhost/none',
  TOKEN_BROKER_GRPC_CERT_FILE: 'none',
  TOKEN_BROKER_GRPC_KEY_FILE: 'none',
  TOKEN_BROKER_GRPC_CLIENT_CA_FILE: 'none',
  TOKEN_BROKER_PUBLIC_URL: 'https://localhost',
  TOKEN_BROKER_SPOOL_DIR: 'none',
  TOKEN_BROKER_ADMINISTRATORS: 'cn:none',
};

type Environment = z.infer<typeof environment>;

/**
 * Reads and checks the configuration.
 * @throws {ConfigError} with every mistake at once, contradictions and unknown names included
 */
export function readConfig(env: NodeJS.ProcessEnv): BrokerConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = environment.safeParse(given);
  const mistakes = unknownNames(env);
  if (!parsed.success) {
    const named = new Set(parsed.error.issues.map(({ path }) => String(path[0])));
    throw new ConfigError([
      ...parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}.`),
      ...mistakes,
      ...contradictionsApartFrom(named, given),
    ]);
  }
  const config = toConfig(parsed.data);
  mistakes.push(...contradictions(config));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return config;
}

/** Contradictions among the settings that are fine: the others are taken as if they were harmless. */
function contradictionsApartFrom(named: ReadonlySet<string>, given: Record<string, unknown>): string[] {
  const fine = Object.fromEntries(Object.entries(given).filter(([name]) => !named.has(name)));
  const harmless = Object.fromEntries(Object.entries(HARMLESS).filter(([name]) => named.has(name)));
  const parsed = environment.safeParse({ ...fine, ...harmless });
  if (!parsed.success) return [];
  const names = [...named];
  return contradictions(toConfig(parsed.data)).filter((text) => !names.some((name) => text.includes(name)));
}

/** A misspelt name would otherwise mean a default that nobody wanted. */
function unknownNames(env: NodeJS.ProcessEnv): string[] {
  const known = Object.keys(environment.shape);
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name))
    .map((name) => `${name} is not a setting of the broker. Settings: ${known.join(', ')}.`);
}

function toConfig(env: Environment): BrokerConfig {
  const grpc = splitAddress(env.TOKEN_BROKER_GRPC_ADDRESS);
  const web = splitAddress(env.TOKEN_BROKER_WEB_ADDRESS);
  const { TOKEN_BROKER_WEB_CERT_FILE: certFile, TOKEN_BROKER_WEB_KEY_FILE: keyFile } = env;
  const { TOKEN_BROKER_SEALING_KEY_FILE: sealingFile, TOKEN_BROKER_SEALING_KEYS: sealingKeys } = env;
  return {
    databaseUrl: env.DATABASE_URL,
    grpc: {
      ...grpc,
      certFile: env.TOKEN_BROKER_GRPC_CERT_FILE,
      keyFile: env.TOKEN_BROKER_GRPC_KEY_FILE,
      clientCaFile: env.TOKEN_BROKER_GRPC_CLIENT_CA_FILE,
    },
    web: {
      ...web,
      ...(certFile ? { certFile } : {}),
      ...(keyFile ? { keyFile } : {}),
      publicUrl: env.TOKEN_BROKER_PUBLIC_URL.replace(/\/+$/, ''),
    },
    sealing: {
      ...(sealingFile ? { keyFile: sealingFile } : {}),
      ...(sealingKeys ? { keys: sealingKeys } : {}),
    },
    spoolDir: env.TOKEN_BROKER_SPOOL_DIR,
    administrators: env.TOKEN_BROKER_ADMINISTRATORS.split(',').map((identity) => identity.trim()),
    replica: env.TOKEN_BROKER_REPLICA,
    logLevel: env.TOKEN_BROKER_LOG_LEVEL,
    tickMs: env.TOKEN_BROKER_TICK_SECONDS * 1_000,
    exchangeTimeoutMs: env.TOKEN_BROKER_EXCHANGE_TIMEOUT_SECONDS * 1_000,
    attemptDeadlineMs: env.TOKEN_BROKER_ATTEMPT_DEADLINE_SECONDS * 1_000,
    rotationConcurrency: env.TOKEN_BROKER_ROTATION_CONCURRENCY,
    databaseConnections: env.TOKEN_BROKER_DATABASE_CONNECTIONS,
    heldConnections: env.TOKEN_BROKER_HELD_CONNECTIONS,
    connectLinkTtlMs: env.TOKEN_BROKER_CONNECT_LINK_HOURS * 3_600_000,
  };
}

function splitAddress(value: string): { host: string; port: number } {
  const colon = value.lastIndexOf(':');
  return { host: value.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(value.slice(colon + 1)) };
}
