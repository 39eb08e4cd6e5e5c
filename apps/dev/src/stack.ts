import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/postgres/embedded';
import { connectBroker, type BrokerConnection } from '#libs/client';
import { Child, type ChildLine } from './child.js';
import { DevelopmentSecrets } from './development-secrets.js';
import { ensureDevelopmentPki, type DevelopmentPki } from './development-pki.js';
import { ensureSealingKey } from './sealing-key.js';
import type { StackSettings } from './settings.js';

/** The SPIFFE trust domain of the development certificates. */
const TRUST_DOMAIN = 'token-broker.dev';
const ADMIN_ID = `spiffe://${TRUST_DOMAIN}/admin`;

/** A broker process, and where it listens. */
export interface Replica {
  readonly child: Child;
  readonly name: string;
  readonly grpcAddress: string;
  readonly webUrl: string;
}

/** Told what happens. */
export interface StackListener {
  /** One step of the start. */
  step(text: string): void;
  /** One line of a broker. */
  brokerLine?(replica: string, line: ChildLine): void;
}

/**
 * The whole system on this machine: PostgreSQL, the development authorization server, and broker replicas,
 * each in a process of its own. `npm start`, the demo and the end-to-end tests run on it.
 */
export class DevelopmentStack {
  readonly replicas: Replica[] = [];
  private postgres: EmbeddedPostgres | undefined;
  private devAs: Child | undefined;
  private readonly logs: WriteStream[] = [];
  issuer = '';
  databaseUrl = '';

  private constructor(
    readonly settings: StackSettings,
    readonly pki: DevelopmentPki,
    readonly secrets: DevelopmentSecrets,
    private readonly listener: StackListener,
  ) {}

  /** Starts everything; stops what was started where one part fails. */
  static async start(settings: StackSettings, listener: StackListener): Promise<DevelopmentStack> {
    // Others may pass through the directory, so that PostgreSQL's own account reaches its data when we are
    // root; what is private has directories of its own.
    mkdirSync(settings.dataDir, { recursive: true, mode: 0o755 });
    mkdirSync(join(settings.dataDir, 'logs'), { recursive: true, mode: 0o700 });
    const pki = await ensureDevelopmentPki({ dir: join(settings.dataDir, 'pki') });
    const secrets = DevelopmentSecrets.open(join(settings.dataDir, 'keys', 'development.key'));
    const stack = new DevelopmentStack(settings, pki, secrets, listener);
    try {
      await stack.startParts();
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  /** Tells the embedded PostgreSQL's controls; `undefined` where another server is used. */
  get embeddedPostgres(): EmbeddedPostgres | undefined {
    return this.postgres;
  }

  /** The bearer token of the development authorization server's control API. */
  get controlToken(): string {
    return this.secrets.derive('dev-as control');
  }

  /** The secret of a client of the development authorization server. */
  clientSecret(clientId: string): string {
    return this.secrets.derive(`client secret of ${clientId}`);
  }

  /** Calls a replica with a client certificate of the development CA, made where it does not exist. */
  async connect(workload: string, replica = 0): Promise<BrokerConnection> {
    const files = await this.certificateOf(workload);
    const { grpcAddress } = this.replicaAt(replica);
    return connectBroker({
      address: grpcAddress,
      caFile: this.pki.caCertificateFile,
      certFile: files.certificateFile,
      keyFile: files.privateKeyFile,
    });
  }

  /** The SPIFFE id that a workload's development certificate carries. */
  static identityOf(workload: string): string {
    return workload === 'admin' ? ADMIN_ID : `spiffe://${TRUST_DOMAIN}/workload/${workload}`;
  }

  certificateOf(workload: string): ReturnType<DevelopmentPki['issueClient']> {
    return this.pki.issueClient({
      name: workload,
      commonName: workload,
      spiffeId: DevelopmentStack.identityOf(workload),
    });
  }

  replicaAt(index: number): Replica {
    const replica = this.replicas[index];
    if (!replica) throw new Error(`There is no replica ${index}.`);
    return replica;
  }

  /** Starts one more broker, or a broker in the place of one that ended. */
  async startReplica(index: number): Promise<Replica> {
    const ports = this.settings.replicas[index];
    if (!ports) throw new Error(`The settings have no replica ${index}.`);
    const name = `broker-${index + 1}`;
    const log = this.logFile(name);
    const child = new Child({
      name,
      entry: 'apps/broker/src/main.js',
      env: { ...this.brokerEnvironment(name, ports), ...this.settings.brokerEnvironment },
      onLine: (line) => {
        log.write(`${line.text}\n`);
        this.listener.brokerLine?.(name, line);
      },
    });
    const replica: Replica = {
      child,
      name,
      grpcAddress: `localhost:${ports.grpcPort}`,
      webUrl: `http://127.0.0.1:${ports.webPort}`,
    };
    this.replicas[index] = replica;
    await child.waitFor(({ json }) => json?.['event'] === 'broker.started');
    return replica;
  }

  /** Stops everything in order: brokers first, so that they can save what they have in hand. */
  async stop(): Promise<void> {
    await Promise.all(this.replicas.map(({ child }) => child.stop()));
    await this.devAs?.stop();
    await this.postgres?.stop();
    for (const log of this.logs) log.end();
  }

  private async startParts(): Promise<void> {
    const { settings, listener } = this;
    await this.startDatabase();
    listener.step('Running the migrations …');
    const migration = new Child({
      name: 'migrations',
      entry: 'apps/broker/src/migrate.js',
      env: { DATABASE_URL: this.databaseUrl },
    });
    if ((await migration.exited) !== 0) throw new Error(migration.lastWords() || 'The migrations failed.');
    listener.step('Starting the development authorization server …');
    await this.startDevAs();
    listener.step(
      `Starting ${settings.replicas.length === 1 ? 'the broker' : `${settings.replicas.length} brokers`} …`,
    );
    await ensureSealingKey(this.sealingKeyFile);
    await this.certificateOf('admin');
    for (const index of settings.replicas.keys()) await this.startReplica(index);
  }

  private async startDatabase(): Promise<void> {
    const { settings, listener } = this;
    if (settings.databaseUrl !== undefined) {
      this.databaseUrl = settings.databaseUrl;
      return;
    }
    listener.step('Starting PostgreSQL …');
    this.postgres = await startEmbeddedPostgres({
      dataDir: join(settings.dataDir, 'postgres'),
      port: settings.postgresPort,
      portOption: 'DEV_POSTGRES_PORT',
      log: (line) => listener.step(line),
      settings: settings.postgresSettings,
    });
    this.databaseUrl = this.postgres.url;
  }

  /** Starts the development authorization server, also again after it was stopped. */
  async startDevAs(): Promise<void> {
    const { settings } = this;
    const log = this.logFile('dev-as');
    this.devAs = new Child({
      name: 'the development authorization server',
      entry: 'apps/dev-as/src/main.js',
      env: {
        DEV_AS_PORT: String(settings.devAsPort),
        DEV_AS_DATA_DIR: join(settings.dataDir, 'dev-as'),
        DEV_AS_TOKEN_TTL_SECONDS: String(settings.tokenTtlSeconds),
        DEV_AS_CONTROL_TOKEN: this.controlToken,
        DEV_AS_CLIENTS: JSON.stringify(this.devAsClients()),
        ...settings.devAsEnvironment,
      },
      onLine: ({ text }) => void log.write(`${text}\n`),
    });
    const ready = await this.devAs.waitFor(({ json }) => json?.['event'] === 'dev-as.listening');
    this.issuer = String(ready.json?.['issuer']);
  }

  /** Stops the development authorization server: the outage of an authorization server. */
  async stopDevAs(): Promise<void> {
    await this.devAs?.stop(5_000);
  }

  private devAsClients(): object[] {
    const redirectUris = this.settings.replicas.map(({ webPort }) => `http://127.0.0.1:${webPort}/callback`);
    const confidential = (client_id: string): object => ({
      client_id,
      client_secret: this.clientSecret(client_id),
    });
    return [
      { ...confidential('indicium-web'), client_name: 'Token Broker', redirect_uris: redirectUris },
      {
        ...confidential('indicium-post'),
        token_endpoint_auth_method: 'client_secret_post',
        redirect_uris: redirectUris,
      },
      { client_id: 'indicium-public', token_endpoint_auth_method: 'none', redirect_uris: redirectUris },
      {
        ...confidential('indicium-batch'),
        grant_types: ['client_credentials'],
        linked_user: 'svc-invoice',
      },
    ];
  }

  /** Where the sealing key is. */
  get sealingKeyFile(): string {
    return join(this.settings.dataDir, 'keys', 'sealing.jwks');
  }

  private brokerEnvironment(
    name: string,
    ports: { readonly grpcPort: number; readonly webPort: number },
  ): Record<string, string> {
    return {
      DATABASE_URL: this.databaseUrl,
      TOKEN_BROKER_REPLICA: name,
      TOKEN_BROKER_GRPC_ADDRESS: `127.0.0.1:${ports.grpcPort}`,
      TOKEN_BROKER_GRPC_CERT_FILE: this.pki.server.certificateFile,
      TOKEN_BROKER_GRPC_KEY_FILE: this.pki.server.privateKeyFile,
      TOKEN_BROKER_GRPC_CLIENT_CA_FILE: this.pki.caCertificateFile,
      TOKEN_BROKER_WEB_ADDRESS: `127.0.0.1:${ports.webPort}`,
      TOKEN_BROKER_PUBLIC_URL: `http://127.0.0.1:${ports.webPort}`,
      TOKEN_BROKER_SEALING_KEY_FILE: this.sealingKeyFile,
      TOKEN_BROKER_SPOOL_DIR: join(this.settings.dataDir, 'spool', name),
      TOKEN_BROKER_ADMINISTRATORS: ADMIN_ID,
    };
  }

  private logFile(name: string): WriteStream {
    const log = createWriteStream(join(this.settings.dataDir, 'logs', `${name}.log`), {
      flags: 'a',
      mode: 0o600,
    });
    this.logs.push(log);
    return log;
  }
}
