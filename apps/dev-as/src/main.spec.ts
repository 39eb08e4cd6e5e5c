import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileForSpec } from './spec-support/compile.js';
import type { CompiledApp } from './spec-support/compile.js';
import type { LedgerJudgement } from './judge.js';
import type { DevAuthorizationServer } from './server.js';
import { CLIENTS, connect, refresh } from './spec-support/client.js';
import { selfSignedCertificate } from './spec-support/certificate.js';

interface Run {
  child: ChildProcess;
  /** All that was written to stdout and stderr so far. */
  output: () => string;
  exit: Promise<number | null>;
}

describe('dev-as as a process', () => {
  let app: CompiledApp;
  let dataDir: string;
  const children: ChildProcess[] = [];

  beforeAll(() => {
    app = compileForSpec();
  });

  afterAll(() => {
    app.remove();
  });

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'dev-as-'));
  });

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(dataDir, { recursive: true });
  });

  function run(env: Record<string, string>): Run {
    const child = spawn(process.execPath, [app.main], {
      env: { PATH: process.env['PATH'], DEV_AS_PORT: '0', DEV_AS_CLIENTS: JSON.stringify(CLIENTS), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    let output = '';
    const keep = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const exit = once(child, 'close').then(([code]) => code as number | null);
    return { child, output: () => output, exit };
  }

  async function listening(env: Record<string, string> = {}): Promise<Run & { issuer: string }> {
    const started = run(env);
    for (let i = 0; i < 200 && !started.output().includes('\n'); i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    const line = JSON.parse(started.output()) as { event: string; issuer: string };
    expect(line.event).toBe('dev-as.listening');
    return { ...started, issuer: line.issuer };
  }

  /** Just enough of a server for the specs' client functions. */
  const at = (issuer: string): DevAuthorizationServer => ({ issuer }) as DevAuthorizationServer;

  it('prints one line when it is ready and nothing else, and ends cleanly with open connections', async () => {
    const { child, issuer, output, exit } = await listening();
    expect((await connect(at(issuer))).status).toBe(200);
    const hang = fetch(`${issuer}/connect/authorize`, { keepalive: true });
    await hang;
    child.kill('SIGTERM');
    expect(await exit).toBe(0);
    expect(output().trim().split('\n')).toHaveLength(1);
  });

  it('survives kill -9 with everything it had answered', async () => {
    const first = await listening({ DEV_AS_DATA_DIR: dataDir });
    const port = new URL(first.issuer).port;
    let tokens = await connect(at(first.issuer));
    for (let i = 0; i < 20; i += 1) tokens = await refresh(at(first.issuer), tokens.refresh_token);
    first.child.kill('SIGKILL');
    await first.exit;
    const env = { DEV_AS_DATA_DIR: dataDir, DEV_AS_PORT: port, DEV_AS_CONTROL_TOKEN: 'c' };
    const second = await listening(env);
    expect((await refresh(at(second.issuer), tokens.refresh_token)).status).toBe(200);
    const headers = { authorization: 'Bearer c' };
    const answer = await fetch(`${second.issuer}/dev/ledger/summary`, { headers });
    const summary = (await answer.json()) as LedgerJudgement;
    expect(summary).toMatchObject({ issued: 22, presented: 21, presentedTwice: [] });
    // An outcome is recorded when its answer has left: the kill may come in between.
    const { granted, pending } = summary.results;
    expect(granted + pending).toBe(21);
    expect(pending).toBeLessThanOrEqual(1);
  });

  it('serves TLS with the files it is given', async () => {
    const { cert, key } = await selfSignedCertificate('localhost');
    const files = {
      DEV_AS_TLS_CERT_FILE: join(dataDir, 'cert.pem'),
      DEV_AS_TLS_KEY_FILE: join(dataDir, 'key.pem'),
    };
    writeFileSync(files.DEV_AS_TLS_CERT_FILE, cert);
    writeFileSync(files.DEV_AS_TLS_KEY_FILE, key);
    const { issuer } = await listening({ ...files, DEV_AS_HOST: '0.0.0.0' });
    const url = new URL(`${issuer}/.well-known/openid-configuration`);
    const body = await new Promise<string>((resolve, reject) => {
      const options = {
        ca: cert,
        servername: 'localhost',
        host: '127.0.0.1',
        port: url.port,
        path: url.pathname,
      };
      request(options, (res) => {
        let text = '';
        res.on('data', (chunk: Buffer) => (text += chunk.toString()));
        res.on('end', () => resolve(text));
      })
        .on('error', reject)
        .end();
    });
    expect(JSON.parse(body)).toMatchObject({ issuer, token_endpoint: `${issuer}/connect/token` });
    expect(issuer).toMatch(/^https:/);
  });

  it.each([
    [{ DEV_AS_PORT: 'many' }, 'DEV_AS_PORT'],
    [{ DEV_AS_CLIENTS: '{oops' }, 'DEV_AS_CLIENTS: not valid JSON'],
    [{ DEV_AS_CLIENTS: '[{"client_id":"a","secret":"s"}]' }, 'DEV_AS_CLIENTS: [0]'],
    [{ DEV_AS_HOST: '0.0.0.0' }, 'refusing to listen in the clear'],
    [{ DEV_AS_TLS_CERT_FILE: '/nowhere' }, 'give both or neither'],
    [{ DEV_AS_ISSUER: 'http://127.0.0.1:1/slash/' }, 'must not end with a slash'],
  ])('says in one line what is wrong with %j', async (env, message) => {
    const { output, exit } = run(env);
    expect(await exit).toBe(1);
    expect(output()).toContain(message);
    expect(output().trim().split('\n')).toHaveLength(1);
  });

  it('says when the port is taken', async () => {
    const { issuer } = await listening();
    const { output, exit } = run({ DEV_AS_PORT: new URL(issuer).port });
    expect(await exit).toBe(1);
    expect(output()).toMatch(/^dev-as: .*EADDRINUSE.*\n$/);
  });
});
