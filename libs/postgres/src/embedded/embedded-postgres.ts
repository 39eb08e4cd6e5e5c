import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { accountFor, type Account } from './account.js';
import { findBinaries, type Binaries } from './binaries.js';
import { checkOwner, ensureCluster, SUPERUSER } from './cluster.js';
import { DATABASE, ensureDatabase } from './database.js';
import { EmbeddedPostgresError } from './errors.js';
import { freePort } from './free-port.js';
import { clearLeftover } from './leftover.js';
import { takeOwnership, type Ownership } from './owner-file.js';
import { choosePlace, removePlace, type Place } from './place.js';
import { ServerProcess, type StopMode } from './server-process.js';

/** What `startEmbeddedPostgres` takes. */
export interface EmbeddedPostgresOptions {
  /** Where the data lives; made at the first start. Its neighbours are `<dataDir>.password`, `.log` and `.owner`. */
  readonly dataDir: string;
  /** TCP port on 127.0.0.1; 0, the default, picks a free one. */
  readonly port?: number;
  /** What the developer changes to get another port, named in the error: `BROKER_DEV_POSTGRES_PORT`, say. */
  readonly portOption?: string;
  /** Told what happens, one line at a time. The server's own log goes to a file. */
  readonly log?: (line: string) => void;
  /** Server settings over the defaults below, such as `{ fsync: 'off' }` for throw-away data. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * `fsync` and `synchronous_commit` keep their safe defaults: the product promises that a committed
 * attempt survives a crash. Unix sockets are off: their paths have a short length limit, and TCP serves.
 */
const DEFAULTS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  log_line_prefix: '%m [%p] %q%u@%d ',
  log_timezone: 'UTC',
  timezone: 'UTC',
};

/** Another program can take a free port between the choice and its use. */
const FREE_PORT_TRIES = 5;
/** Children of a killed server notice within moments; until then its memory segment counts as in use. */
const ORPHANS_GONE_MS = 10_000;

/**
 * Starts a real PostgreSQL server for development and tests, and waits until it accepts connections.
 *
 * It survives what development does to it: a killed starter (the server left behind is stopped at the next
 * start), an `initdb` cut short, running as root, and a second start while the first one lives (refused).
 *
 * @throws EmbeddedPostgresError see its codes
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const requested = resolve(options.dataDir);
  const log = options.log ?? (() => undefined);
  const account = accountFor(requested);
  const place = choosePlace(requested, account, log);
  const server = new EmbeddedPostgres(options, { account, place, log, binaries: findBinaries(account, log) });
  await server.start();
  return server;
}

interface Surroundings {
  readonly account: Account | undefined;
  readonly place: Place;
  readonly log: (line: string) => void;
  readonly binaries: Binaries;
}

/** An embedded server: running after `startEmbeddedPostgres`, and to be stopped and started at will. */
export class EmbeddedPostgres {
  readonly #options: EmbeddedPostgresOptions;
  readonly #around: Surroundings;
  #process: ServerProcess | undefined;
  #ownership: Ownership | undefined;
  #port = 0;
  #password = '';

  /** Use `startEmbeddedPostgres`. */
  constructor(options: EmbeddedPostgresOptions, around: Surroundings) {
    this.#options = options;
    this.#around = around;
    this.#port = options.port ?? 0;
  }

  /** Connection URL of the database `token_broker`, superuser and password included. The same after a restart. */
  get url(): string {
    return this.#urlOf(DATABASE);
  }

  /** TCP port on 127.0.0.1. The same after a restart. */
  get port(): number {
    return this.#port;
  }

  /** Where the data is: not always where it was asked for, see `choosePlace`. */
  get dataDir(): string {
    return this.#around.place.dataDir;
  }

  /** The server's own log. */
  get logFile(): string {
    return this.#around.place.logFile;
  }

  /** Process id of the postmaster while it runs. */
  get pid(): number | undefined {
    return this.running ? this.#process?.pid : undefined;
  }

  /** Whether the server process is there. */
  get running(): boolean {
    return this.#process?.running ?? false;
  }

  /** Starts again after `stop` or `kill`, on the same port. Does nothing while the server runs. */
  async start(): Promise<void> {
    if (this.running) return;
    const { place, binaries, account, log } = this.#around;
    checkOwner(place.dataDir, account);
    const ownership = (this.#ownership ??= takeOwnership(place.ownerFile, place.dataDir));
    try {
      await clearLeftover(place.dataDir, ownership.takenOver, log);
      const noSync = this.#options.settings?.['fsync'] === 'off';
      this.#password = await ensureCluster({ place, binaries, account, noSync, log });
      this.#process = await this.#spawn();
      await ensureDatabase((database) => this.#urlOf(database));
    } catch (error) {
      await this.stop('immediate');
      throw error;
    }
  }

  /** Stops the server, waits until it is gone, and lets the data directory go. Doing it twice is harmless. */
  async stop(mode: StopMode = 'fast'): Promise<void> {
    await this.#process?.stop(mode);
    this.#ownership?.release();
    this.#ownership = undefined;
  }

  /** Stops and starts, on the same port. */
  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  /** SIGKILL, for fault tests. The data directory stays ours; `start` runs crash recovery. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** Stops the server and deletes its data, wherever they are. For tests. */
  async destroy(): Promise<void> {
    await this.stop('immediate');
    removePlace(this.#around.place);
  }

  async #spawn(): Promise<ServerProcess> {
    const chosen = this.#port;
    const orphansGone = Date.now() + ORPHANS_GONE_MS;
    for (let tries = 1; ;) {
      const port = chosen === 0 ? await freePort() : chosen;
      try {
        const started = await ServerProcess.start({
          postgres: this.#around.binaries.postgres,
          dataDir: this.dataDir,
          logFile: this.logFile,
          port,
          settings: { ...DEFAULTS, ...this.#options.settings },
          account: this.#around.account,
        });
        this.#port = port;
        return started;
      } catch (error) {
        if (!(error instanceof EmbeddedPostgresError)) throw error;
        if (error.code === 'PORT_IN_USE' && chosen === 0 && tries++ < FREE_PORT_TRIES) continue;
        if (error.code === 'PORT_IN_USE') throw this.#portInUse(error);
        if (!error.message.includes('shared memory block') || Date.now() > orphansGone) throw error;
        await sleep(200);
      }
    }
  }

  #portInUse(cause: EmbeddedPostgresError): EmbeddedPostgresError {
    const option = this.#options.portOption ?? 'the option "port"';
    return new EmbeddedPostgresError(
      cause.code,
      `${cause.message} Stop that one, or choose another with ${option} (0 picks a free one).`,
      { cause },
    );
  }

  #urlOf(database: string): string {
    return `postgres://${SUPERUSER}:${this.#password}@127.0.0.1:${this.#port}/${database}`;
  }
}
