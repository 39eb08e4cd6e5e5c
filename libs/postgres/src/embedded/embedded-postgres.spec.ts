import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './index.js';

/** Throw-away data: the flush to disk is what most of a start's time goes into. */
const settings = { fsync: 'off' };

let root: string;
let dataDir: string;
let lines: string[];
const started: EmbeddedPostgres[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'embedded postgres ')); // spaces on purpose
  chmodSync(root, 0o755); // mkdtemp closes it, and as root the server runs as another user
  dataDir = join(root, 'data', 'postgres');
  lines = [];
});

afterEach(async () => {
  for (const server of started.splice(0)) await server.destroy();
  rmSync(root, { recursive: true, force: true });
});

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({
    dataDir,
    settings,
    log: (line) => lines.push(line),
    ...options,
  });
  started.push(server);
  return server;
}

async function query(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    return (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows[0] ?? [];
  } finally {
    await client.end();
  }
}

/** Makes the file say that its owner is a process which is gone, as after SIGKILL of the starter. */
function pretendOwnerDied(): void {
  writeFileSync(
    `${dataDir}.owner`,
    JSON.stringify({ pid: process.pid, identity: 'an earlier process', id: 'gone' }),
  );
}

describe('startEmbeddedPostgres', () => {
  it('makes a UTF8 database with durable commits, and keeps data and port over a restart', async () => {
    const server = await start({ settings: {} });
    expect(server.dataDir).toBe(dataDir);
    expect(
      await query(
        server,
        `SELECT current_database(), current_setting('fsync'), current_setting('synchronous_commit')`,
      ),
    ).toEqual(['token_broker', 'on', 'on']);
    expect(
      await query(
        server,
        `SELECT current_setting('server_encoding'), current_setting('listen_addresses'), current_setting('unix_socket_directories')`,
      ),
    ).toEqual(['UTF8', '127.0.0.1', '']);
    expect(statSync(`${dataDir}.password`).mode & 0o777).toBe(0o600);
    await query(server, 'CREATE TABLE kept (n int)');
    const { url, pid } = server;
    await server.restart();
    expect(server.url).toBe(url);
    expect(server.pid).not.toBe(pid);
    expect(await query(server, 'SELECT count(*)::int FROM kept')).toEqual([0]);
    await server.stop();
    expect(server.pid).toBeUndefined();
    expect(existsSync(`${dataDir}.owner`)).toBe(false);
    const again = await start();
    expect(await query(again, 'SELECT count(*)::int FROM kept')).toEqual([0]);
  });

  it('asks for the password', async () => {
    const server = await start();
    const url = server.url.replace(/:[0-9a-f]{48}@/, ':wrong@');
    const client = new pg.Client({ connectionString: url });
    await expect(client.connect()).rejects.toMatchObject({ code: '28P01' });
  });

  it('comes back after SIGKILL, what was committed included', async () => {
    const server = await start({ settings: {} });
    await query(server, 'CREATE TABLE kept AS SELECT 7 AS n');
    await server.kill();
    expect(server.running).toBe(false);
    await server.start();
    expect(await query(server, 'SELECT n FROM kept')).toEqual([7]);
  });

  it('refuses a second start while the first owner lives, and leaves its server alone', async () => {
    const first = await start();
    await expect(start()).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE' });
    expect(await query(first, 'SELECT 1')).toEqual([1]);
  });

  it('stops the server that a killed starter left behind, and starts afresh', async () => {
    const first = await start();
    const { pid } = first;
    pretendOwnerDied();
    const second = await start();
    expect(first.running).toBe(false);
    expect(second.pid).not.toBe(pid);
    expect(lines.join()).toContain(`process ${pid}`);
  });

  it('does not stop a server of unknown origin', async () => {
    const first = await start();
    rmSync(`${dataDir}.owner`);
    await expect(start()).rejects.toMatchObject({ code: 'FOREIGN_SERVER' });
    expect(await query(first, 'SELECT 1')).toEqual([1]);
  });

  it('forgets a pid that belongs to another program now, and never signals it', async () => {
    await (await start()).stop();
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    try {
      writeFileSync(join(dataDir, 'postmaster.pid'), `${other.pid}\n${dataDir}\n`);
      pretendOwnerDied();
      const server = await start();
      expect(await query(server, 'SELECT 1')).toEqual([1]);
      expect(other.exitCode ?? other.signalCode).toBeNull();
    } finally {
      other.kill();
    }
  });

  if (process.getuid?.() === 0) {
    it('keeps the data elsewhere, and says where, when the server account cannot enter the directory', async () => {
      chmodSync(root, 0o700);
      const server = await start();
      expect(server.dataDir).toMatch(/^\/var\/tmp\/token-broker-[0-9a-f]{12}\/postgres$/);
      expect(lines.join()).toContain(server.dataDir);
      expect(await query(server, 'SELECT 1')).toEqual([1]);
      await server.destroy();
      expect(existsSync(join(server.dataDir, '..'))).toBe(false);
    });

    it('takes an empty directory, whoever made it', async () => {
      mkdirSync(dataDir, { recursive: true });
      expect(await query(await start(), 'SELECT 1')).toEqual([1]);
    });

    it('runs as the owner of existing data, and refuses data of root', async () => {
      mkdirSync(dataDir, { recursive: true });
      chownSync(dataDir, 1, 1);
      const server = await start();
      expect(statSync(join(server.dataDir, 'PG_VERSION')).uid).toBe(1);
      await server.stop();
      chownSync(dataDir, 0, 0);
      await expect(start()).rejects.toMatchObject({ code: 'NOT_A_DATA_DIR' });
    });
  }

  it('clears an initdb that was cut short', async () => {
    const draft = `${dataDir}.initdb-0123abcd`;
    mkdirSync(draft, { recursive: true });
    writeFileSync(join(draft, 'PG_VERSION'), '18');
    await start();
    expect(existsSync(draft)).toBe(false);
  });

  it('says what to do about data of another major version, and about a directory that is not its own', async () => {
    await (await start()).stop();
    writeFileSync(join(dataDir, 'PG_VERSION'), '13\n');
    await expect(start()).rejects.toMatchObject({
      code: 'OTHER_MAJOR_VERSION',
      message: expect.stringContaining('rm -rf'),
    });
    rmSync(join(dataDir, 'PG_VERSION'));
    await expect(start()).rejects.toMatchObject({ code: 'NOT_A_DATA_DIR' });
    expect(existsSync(join(dataDir, 'global', 'pg_control'))).toBe(true);
  });

  it('names a port that is taken, and the option to change', async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
    const { port } = taken.address() as AddressInfo;
    try {
      const failure = start({ port, portOption: 'DEV_POSTGRES_PORT' });
      await expect(failure).rejects.toMatchObject({
        code: 'PORT_IN_USE',
        message: expect.stringMatching(`${port}.*DEV_POSTGRES_PORT`),
      });
      expect(existsSync(`${dataDir}.owner`)).toBe(false);
    } finally {
      taken.close();
    }
  });

  it('shows the log when a setting is wrong', async () => {
    await expect(start({ settings: { no_such_setting: '1' } })).rejects.toThrow(
      /unrecognized configuration parameter "no_such_setting"/,
    );
    expect(readFileSync(`${dataDir}.log`, 'utf8')).toContain('no_such_setting');
  });
});
