import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** What the development stack runs with. */
export interface StackSettings {
  readonly dataDir: string;
  readonly postgresPort: number;
  readonly devAsPort: number;
  /** One entry for each broker replica. */
  readonly replicas: readonly { readonly grpcPort: number; readonly webPort: number }[];
  /** Life of access tokens. */
  readonly tokenTtlSeconds: number;
  /** Instead of the embedded PostgreSQL. */
  readonly databaseUrl?: string;
  /** Settings of the development authorization server, over those that the stack makes. */
  readonly devAsEnvironment?: Readonly<Record<string, string>>;
  /** Settings of the brokers, over those that the stack makes. */
  readonly brokerEnvironment: Readonly<Record<string, string>>;
  /** Settings of the embedded PostgreSQL. */
  readonly postgresSettings: Readonly<Record<string, string>>;
}

const DEFAULT_TOKEN_TTL_SECONDS = 120;

/** The settings of `npm start`, from the environment. Throws with all mistakes at once. */
export function settingsFromEnvironment(env: NodeJS.ProcessEnv): StackSettings {
  const mistakes: string[] = [];
  const number = (name: string, fallback: number, least: number, most: number): number => {
    const text = env[name];
    if (text === undefined || text === '') return fallback;
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most) {
      mistakes.push(`${name} is a whole number from ${least} to ${most}, not "${text}".`);
    }
    return value;
  };
  const replicas = number('DEV_REPLICAS', 1, 1, 9);
  const grpcPort = number('DEV_GRPC_PORT', 7443, 1, 64_000);
  const webPort = number('DEV_WEB_PORT', 7480, 1, 64_000);
  const settings: StackSettings = {
    dataDir: resolve(env['DEV_DATA_DIR'] || '.data'),
    postgresPort: number('DEV_POSTGRES_PORT', 7432, 0, 65_535),
    devAsPort: number('DEV_AS_PORT', 7490, 1, 65_535),
    replicas: Array.from({ length: replicas }, (_, i) => ({
      grpcPort: grpcPort + 100 * i,
      webPort: webPort + 100 * i,
    })),
    tokenTtlSeconds: number('DEV_AS_TOKEN_TTL_SECONDS', DEFAULT_TOKEN_TTL_SECONDS, 4, 86_400),
    ...(env['DATABASE_URL'] ? { databaseUrl: env['DATABASE_URL'] } : {}),
    brokerEnvironment: brokerEnvironment(env),
    postgresSettings: {},
  };
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
  return settings;
}

/** Settings of a stack of its own: free ports, and a directory that the caller removes. */
export async function isolatedSettings(
  dataDir: string,
  over: Partial<Omit<StackSettings, 'replicas'>> & { readonly replicas?: number } = {},
): Promise<StackSettings> {
  const { replicas: count = 1, ...rest } = over;
  const ports = await freePorts(2 * count + 1);
  const take = (): number => ports.pop() ?? 0;
  return {
    dataDir,
    postgresPort: 0,
    devAsPort: take(),
    replicas: Array.from({ length: count }, () => ({ grpcPort: take(), webPort: take() })),
    tokenTtlSeconds: 3_600,
    brokerEnvironment: {},
    postgresSettings: {},
    ...rest,
  };
}

/** A directory for such a stack. Other accounts may pass through it, as PostgreSQL's has to. */
export function temporaryDirectory(purpose: string): string {
  const dir = mkdtempSync(join(tmpdir(), `token-broker-${purpose}-`));
  chmodSync(dir, 0o755);
  return dir;
}

/** Ports that nobody listens on now; all are held until the last is found, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

function brokerEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[0].startsWith('TOKEN_BROKER_') && entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}
