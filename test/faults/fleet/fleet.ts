import { randomBytes } from 'node:crypto';
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/postgres/embedded';
import { Child } from '../../../apps/dev/src/child.js';
import { ensureDevelopmentPki } from '../../../apps/dev/src/development-pki.js';
import { ensureSealingKey } from '../../../apps/dev/src/sealing-key.js';
import { DevelopmentStack } from '../../../apps/dev/src/stack.js';
import type { DefectName } from '../defects/index.js';
import { Audit } from './audit.js';
import { AuthorizationServer } from './authorization-server.js';
import { FakeTime, fakeTimeLibrary } from './fake-time.js';
import type { Journal } from './journal.js';
import { LedgerTail } from './ledger-tail.js';
import { lastingPort } from './ports.js';
import { ReplicaUnderTest } from './replica.js';
import { SpoolDisk } from './spool-disk.js';
import { CLIENTS, TIMINGS } from './timings.js';

/** What a fleet is made of. */
export interface FleetSettings {
  readonly dir: string;
  readonly replicas: number;
  /** Users that can log in; each has one connection. */
  readonly users: readonly string[];
  readonly defect?: DefectName | undefined;
}

interface ReplicaPorts {
  readonly grpcPort: number;
  readonly webPort: number;
}

/** The workload that reads tokens. */
export const READER = 'faults-reader';

/** The whole system under test: real PostgreSQL, a real authorization server, real brokers, and a proxy between each pair. */
export class Fleet {
  private readonly logs: WriteStream[] = [];

  private constructor(
    readonly settings: FleetSettings,
    readonly journal: Journal,
    readonly postgres: EmbeddedPostgres,
    readonly server: AuthorizationServer,
    readonly ledger: LedgerTail,
    readonly audit: Audit,
    readonly clientSecret: (clientId: string) => string,
  ) {}

  readonly replicas: ReplicaUnderTest[] = [];

  static async start(settings: FleetSettings, journal: Journal): Promise<Fleet> {
    const { dir, replicas: count, users } = settings;
    mkdirSync(join(dir, 'logs'), { recursive: true, mode: 0o700 });
    const ports: ReplicaPorts[] = [];
    while (ports.length < count) {
      ports.push({ grpcPort: await lastingPort(), webPort: await lastingPort() });
    }
    const dataDir = join(dir, 'postgres');
    const postgres = await startEmbeddedPostgres({ dataDir, port: await lastingPort() });
    const migration = new Child({
      name: 'migrations',
      entry: 'apps/broker/src/migrate.js',
      env: { DATABASE_URL: postgres.url },
    });
    if ((await migration.exited) !== 0) throw new Error(migration.lastWords());
    const secrets = new Map<string, string>(
      CLIENTS.map(({ clientId }) => [clientId, randomBytes(24).toString('base64url')]),
    );
    const secretOf = (clientId: string): string => secrets.get(clientId) ?? '';
    const redirectUris = ports.map(({ webPort }) => `http://127.0.0.1:${webPort}/callback`);
    const serverLog = createWriteStream(join(dir, 'logs', 'authorization-server.log'));
    const server = new AuthorizationServer(
      {
        port: await lastingPort(),
        dataDir: join(dir, 'authorization-server'),
        controlToken: randomBytes(24).toString('base64url'),
        clients: CLIENTS.map(({ clientId, tokenTtlSeconds }) => ({
          client_id: clientId,
          client_secret: secretOf(clientId),
          redirect_uris: redirectUris,
          access_token_ttl_seconds: tokenTtlSeconds,
        })),
        users,
        log: (line) => void serverLog.write(`${line}\n`),
      },
      (words) => journal.note('the authorization server ended by itself', { words }),
    );
    const audit = new Audit(() => postgres.url);
    const fleet = new Fleet(
      settings,
      journal,
      postgres,
      server,
      new LedgerTail(server.ledgerFile),
      audit,
      secretOf,
    );
    fleet.logs.push(serverLog);
    try {
      await server.start();
      await audit.install();
      await fleet.addReplicas(ports);
      return fleet;
    } catch (error) {
      await fleet.stop();
      throw error;
    }
  }

  /** The replicas that serve now. */
  get serving(): ReplicaUnderTest[] {
    return this.replicas.filter((replica) => replica.isServing);
  }

  replica(index: number): ReplicaUnderTest {
    const replica = this.replicas[index % this.replicas.length];
    if (!replica) throw new Error('There are no replicas.');
    return replica;
  }

  /** Ends everything, whatever state it is in. */
  async stop(): Promise<void> {
    await Promise.all(
      this.replicas.map(async (replica) => {
        await replica.kill();
        await replica.close();
      }),
    );
    this.ledger.close();
    await this.server.stop();
    await this.postgres.stop('immediate');
    for (const log of this.logs) log.end();
  }

  private async addReplicas(ports: readonly ReplicaPorts[]): Promise<void> {
    const { dir, defect } = this.settings;
    const pki = await ensureDevelopmentPki({ dir: join(dir, 'pki') });
    const sealingKeyFile = join(dir, 'keys', 'sealing.jwks');
    mkdirSync(join(dir, 'keys'), { recursive: true, mode: 0o700 });
    await ensureSealingKey(sealingKeyFile);
    const certificate = async (name: string) => {
      const spiffeId = DevelopmentStack.identityOf(name);
      const files = await pki.issueClient({ name, commonName: name, spiffeId });
      return { certFile: files.certificateFile, keyFile: files.privateKeyFile };
    };
    const client = { caFile: pki.caCertificateFile, ...(await certificate('admin')) };
    const reader = await certificate(READER);
    const library = fakeTimeLibrary();
    const direct = new URL(this.postgres.url);
    for (const [index, { grpcPort, webPort }] of ports.entries()) {
      const name = `broker-${index + 1}`;
      const log = createWriteStream(join(dir, 'logs', `${name}.log`), { mode: 0o600 });
      this.logs.push(log);
      const disk = new SpoolDisk(join(dir, 'disks', name));
      const replica = new ReplicaUnderTest(
        {
          name,
          grpcPort,
          client,
          reader,
          disk,
          fakeTime: library === undefined ? undefined : new FakeTime(library, join(dir, `${name}.time`)),
          databasePort: () => Number(direct.port),
          serverPort: () => this.server.port,
          databaseUrl: (port) => {
            const url = new URL(direct);
            url.port = String(port);
            return url.href;
          },
          environment: {
            TOKEN_BROKER_REPLICA: name,
            TOKEN_BROKER_GRPC_ADDRESS: `127.0.0.1:${grpcPort}`,
            TOKEN_BROKER_GRPC_CERT_FILE: pki.server.certificateFile,
            TOKEN_BROKER_GRPC_KEY_FILE: pki.server.privateKeyFile,
            TOKEN_BROKER_GRPC_CLIENT_CA_FILE: pki.caCertificateFile,
            TOKEN_BROKER_WEB_ADDRESS: `127.0.0.1:${webPort}`,
            TOKEN_BROKER_PUBLIC_URL: `http://127.0.0.1:${webPort}`,
            TOKEN_BROKER_SEALING_KEY_FILE: sealingKeyFile,
            TOKEN_BROKER_SPOOL_DIR: disk.spoolDir,
            TOKEN_BROKER_ADMINISTRATORS: DevelopmentStack.identityOf('admin'),
            TOKEN_BROKER_TICK_SECONDS: String(TIMINGS.tickMs / 1_000),
            TOKEN_BROKER_EXCHANGE_TIMEOUT_SECONDS: String(TIMINGS.exchangeTimeoutMs / 1_000),
            TOKEN_BROKER_ATTEMPT_DEADLINE_SECONDS: String(TIMINGS.attemptDeadlineMs / 1_000),
            TOKEN_BROKER_ROTATION_CONCURRENCY: '12',
            TOKEN_BROKER_DATABASE_CONNECTIONS: '6',
            ...(defect === undefined ? {} : { FAULTS_DEFECT: defect }),
          },
        },
        this.journal,
        (line) => void log.write(`${line}\n`),
      );
      this.replicas.push(replica);
      await replica.listen();
    }
    const started = await Promise.all(this.replicas.map((replica) => replica.start()));
    if (started.includes(false)) throw new Error('A broker did not start; see its log.');
  }
}
