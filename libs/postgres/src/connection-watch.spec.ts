import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { isStoreUnavailable } from '#libs/core';
import { openDatabase, type Database } from './database.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded/index.js';
import { PrimaryConnection } from './primary-connection.js';
import { translated } from './store-errors.js';

/** An address in front of servers, as a proxy or a virtual address is one. */
class Address {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    public leadsTo: number,
  ) {
    server.on('connection', (client) => this.join(client));
  }

  static async of(port: number): Promise<Address> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Address(server, port);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Not a byte gets through on the present connections any more, and nobody is told. */
  fallSilent(): void {
    for (const socket of this.sockets) {
      socket.removeAllListeners('data');
      socket.pause();
    }
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private join(client: Socket): void {
    const upstream = connect(this.leadsTo, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.sockets.add(from);
      from.on('data', (chunk) => void to.write(chunk));
      from.once('close', () => to.destroy());
      from.on('error', () => to.destroy());
    }
  }
}

describe('connections and the primary', () => {
  const dir = mkdtempSync(join(tmpdir(), 'token-broker-watch-'));
  let first: EmbeddedPostgres;
  let second: EmbeddedPostgres;
  let address: Address;
  let open: Database | undefined;
  let abandoned = 0;

  beforeAll(async () => {
    // PostgreSQL's own account has to pass through.
    chmodSync(dir, 0o755);
    const start = (name: string): Promise<EmbeddedPostgres> =>
      startEmbeddedPostgres({ dataDir: join(dir, name), settings: { fsync: 'off' } });
    [first, second] = await Promise.all([start('first'), start('second')]);
    // The same account on both, so that one URL is good for both.
    for (const { url } of [first, second]) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query("CREATE ROLE shared LOGIN PASSWORD 'shared'");
      await client.end();
    }
  }, 120_000);

  beforeEach(async () => {
    address = await Address.of(first.port);
  });

  afterEach(async () => {
    await open?.close();
    open = undefined;
    address.close();
  });

  afterAll(async () => {
    await first?.stop('immediate');
    await second?.stop('immediate');
    rmSync(dir, { recursive: true, force: true });
  });

  async function openThroughAddress(): Promise<Database> {
    open = await openDatabase({
      url: `postgres://shared:shared@127.0.0.1:${address.port}/token_broker`,
      applicationName: 'watch spec',
      rotationConnections: 2,
      otherConnections: 4,
      idleInTransactionTimeoutMs: 60_000,
      connectionsAbandoned: (count) => (abandoned += count),
    });
    abandoned = 0;
    return open;
  }

  async function portOf(database: Database): Promise<number> {
    const [row] = await database.main.query<[{ port: number }]>('SELECT inet_server_port() AS port');
    return row.port;
  }

  it('P6: when the primary falls silent and another one takes its address, statements go there', async () => {
    const database = await openThroughAddress();
    expect(await portOf(database)).toBe(first.port);
    // Idle connections to the old primary, and one that holds a row lock while nothing is asked of it.
    await Promise.all(Array.from({ length: 3 }, () => database.main.query('SELECT pg_sleep(0.2)')));
    const held = database.rotation.createQueryRunner();
    await held.startTransaction();
    address.fallSilent();
    address.leadsTo = second.port;

    const silent = await translated(() => database.main.query('SELECT 1')).catch((error: unknown) => error);
    expect(isStoreUnavailable(silent)).toBe(true);
    expect(await portOf(database)).toBe(second.port);
    const lost = await translated(() => held.query('SELECT 1')).catch((error: unknown) => error);
    expect(isStoreUnavailable(lost)).toBe(true);
    await held.release();
    expect(abandoned).toBeGreaterThanOrEqual(2);
  }, 30_000);

  it('P6: when the way to the primary is lost and another one leads there, statements take it', async () => {
    const database = await openThroughAddress();
    expect(await portOf(database)).toBe(first.port);
    address.fallSilent();
    const silent = await translated(() => database.main.query('SELECT 1')).catch((error: unknown) => error);
    expect(isStoreUnavailable(silent)).toBe(true);
    expect(await portOf(database)).toBe(first.port);
  }, 30_000);

  it('a statement that waits for a lock is left alone', async () => {
    const database = await openThroughAddress();
    const [holder, waiter] = [database.rotation.createQueryRunner(), database.rotation.createQueryRunner()];
    await holder.query('SELECT pg_advisory_lock(1)');
    const waiting = waiter.query('SELECT pg_advisory_lock(1)').then(() => 'answered');
    // Longer than the watch's patience, twice over.
    await database.main.query('SELECT pg_sleep(7)');
    await holder.query('SELECT pg_advisory_unlock(1)');
    expect(await waiting).toBe('answered');
    expect(abandoned).toBe(0);
    await holder.release();
    await waiter.release();
  }, 30_000);

  describe('a pool of one', () => {
    let pool: pg.Pool;

    function poolOf(url: string, over: object = {}): pg.Pool {
      const options = {
        connectionString: url,
        max: 1,
        Client: PrimaryConnection,
        onConnect: (connection: PrimaryConnection) => connection.checkPrimary(),
        ...over,
      };
      pool = new pg.Pool(options as unknown as pg.PoolConfig);
      pool.on('error', () => undefined);
      return pool;
    }

    async function pid(): Promise<number> {
      const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      return rows[0]?.pid ?? 0;
    }

    /** As TypeORM runs a statement: given back without a word about its error. */
    async function run(sql: string): Promise<unknown> {
      const client = await pool.connect();
      try {
        return await client.query(sql);
      } finally {
        client.release();
      }
    }

    afterEach(() => pool.end());

    it('does not keep a connection whose statement was given up: its answer is still to come', async () => {
      poolOf(first.url, { query_timeout: 500 });
      const before = await pid();
      await expect(run('SELECT pg_sleep(20)')).rejects.toThrow('Query read timeout');
      expect(await pid()).not.toBe(before);
    });

    it('does not keep a connection that cannot write any more', async () => {
      poolOf(first.url);
      const before = await pid();
      await run('SET default_transaction_read_only = on');
      await expect(run('CREATE TABLE never (id int)')).rejects.toMatchObject({ code: '25006' });
      expect(await pid()).not.toBe(before);
    });

    it('keeps one whose statement was only wrong', async () => {
      poolOf(first.url);
      const before = await pid();
      await expect(run('SELECT 1/0')).rejects.toMatchObject({ code: '22012' });
      expect(await pid()).toBe(before);
    });

    it('refuses a standby as a database that is away, whatever the statement', async () => {
      await second.stop();
      writeFileSync(join(second.dataDir, 'standby.signal'), '');
      await second.start();
      poolOf(second.url);
      const refused = await translated(() => run('SELECT 1')).catch((error: unknown) => error);
      expect(isStoreUnavailable(refused)).toBe(true);
      expect(String(refused)).toContain('leads to a standby');
    });
  });
});
