import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CookieJar } from './cookie-jar.js';
import type { DevAuthorizationServer } from './server.js';
import { authorize, claimsOf, connect, refresh, SECRETS, startForSpec } from './spec-support/client.js';

describe('persistence', () => {
  let dataDir: string;
  const running: DevAuthorizationServer[] = [];

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'dev-as-'));
  });

  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.close()));
    rmSync(dataDir, { recursive: true });
  });

  const content = (): string =>
    readdirSync(dataDir)
      .map((name) => readFileSync(join(dataDir, name), 'utf8'))
      .join('\n');

  async function start(port = 0): Promise<DevAuthorizationServer> {
    const server = await startForSpec({ dataDir, port });
    running.push(server);
    return server;
  }

  async function restart(server: DevAuthorizationServer): Promise<DevAuthorizationServer> {
    running.splice(running.indexOf(server), 1);
    await server.close();
    // The client's pool, in this same process, must see first that its connections are gone.
    await new Promise((resolve) => setTimeout(resolve, 50));
    return start(server.port);
  }

  it('keeps grants, refresh tokens, signing key and ledger over a restart', async () => {
    let server = await start();
    const first = await connect(server);
    const second = await refresh(server, first.refresh_token);
    server = await restart(server);
    const third = await refresh(server, second.refresh_token);
    expect(third.status).toBe(200);
    expect(claimsOf(third.access_token)['sub']).toBe('ada');
    const whoami = { headers: { authorization: `Bearer ${second.access_token}` } };
    expect((await fetch(`${server.issuer}/iam/sf/whoami`, whoami)).status).toBe(200);
    expect(server.ledger.judge()).toMatchObject({ issued: 3, presented: 2, doubleSpends: [] });

    // What was spent before the restart still counts as spent, and its reuse still ends the chain.
    server = await restart(server);
    expect((await refresh(server, first.refresh_token)).error).toBe('invalid_grant');
    expect((await refresh(server, third.refresh_token)).error).toBe('invalid_grant');
    expect(server.ledger.judge()).toMatchObject({ reuseDetected: 1, chainsKilled: [{ reason: 'reuse' }] });
    server = await restart(server);
    expect((await refresh(server, third.refresh_token)).error).toBe('invalid_grant');
  });

  it('keeps the user logged in over a restart', async () => {
    let server = await start();
    const cookies = new CookieJar();
    await authorize(server, 'indicium-web', { login: 'ada', cookies });
    server = await restart(server);
    // With the session, only the consent is asked for: a login form would not take this name.
    const { callback } = await authorize(server, 'indicium-web', { login: 'nobody', cookies });
    expect(callback.searchParams.get('code')).toBeTruthy();
  });

  it('writes no token, code, cookie or secret in the clear, and nothing for others to read', async () => {
    const server = await start();
    const cookies = new CookieJar();
    const { callback } = await authorize(server, 'indicium-web', { login: 'ada', cookies });
    const tokens = await connect(server);
    const next = await refresh(server, tokens.refresh_token);
    server.putClient({
      client_id: 'x',
      client_secret: 'added-at-run-time',
      redirect_uris: ['http://127.0.0.1/'],
    });
    const session = /_session=([^;]+)/.exec(cookies.header(new URL(server.issuer)))?.[1];
    const secrets = [tokens.refresh_token, next.refresh_token, next.access_token, next.id_token, session];
    const text = content();
    for (const secret of [
      ...secrets,
      callback.searchParams.get('code'),
      'added-at-run-time',
      ...Object.values(SECRETS),
    ]) {
      expect(secret?.length).toBeGreaterThan(10);
      expect(text.includes(secret ?? '')).toBe(false);
    }
    expect(text).toContain('"RefreshToken"');
    for (const name of readdirSync(dataDir)) expect(statSync(join(dataDir, name)).mode & 0o077).toBe(0);
  });

  it('survives a last line that was cut off, and compacts at the start', async () => {
    let server = await start();
    let tokens = await connect(server);
    for (let i = 0; i < 10; i += 1) tokens = await refresh(server, tokens.refresh_token);
    server.revokeGrants({ subject: 'ada' });
    tokens = await connect(server, 'indicium-web', 'grace');
    appendFileSync(join(dataDir, 'state.jsonl'), '{"op":"upsert","mod');
    appendFileSync(join(dataDir, 'ledger.jsonl'), '{"type":"pres');
    const before = readFileSync(join(dataDir, 'state.jsonl'), 'utf8').split('\n').length;
    server = await restart(server);
    expect(readFileSync(join(dataDir, 'state.jsonl'), 'utf8').split('\n').length).toBeLessThan(before / 3);
    expect((await refresh(server, tokens.refresh_token)).status).toBe(200);
  });

  it('says so when a file is broken in the middle', async () => {
    writeFileSync(join(dataDir, 'state.jsonl'), 'garbage\n{"op":"destroy","model":"Grant","key":"k"}\n');
    await expect(start()).rejects.toThrow('state.jsonl');
  });
});
