import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import {
  BrokerError,
  type ClientStatus,
  type Connection,
  type ConnectionQuery,
  type OAuthClient,
  type ClientFields,
  type ReauthorizationQuery,
  type Refusal,
} from '#libs/core';
import type { GrpcServer, GrpcServerParts } from '#libs/grpc';
import {
  goodToken,
  policyOf,
  refusingParts,
  startServer,
  workload,
} from '../../../test/harness/grpc-fixture.js';
import { sampleProfile } from '../../../test/harness/fakes/index.js';
import { TestCa } from '../../../test/harness/test-pki.js';
import { developmentFiles } from './development-certificates.js';
import { run } from './program.js';

const NOW = Date.parse('2026-05-01T12:00:00Z');
const CONNECTION: Connection = {
  uid: 'u',
  clientId: 'indicium',
  connectionId: 'ada',
  state: 'ACTIVE',
  subjectKind: 'USER',
  subject: 'ada',
  grantType: 'refresh_token',
  generation: 12,
  scopes: ['openid', 'sf'],
  authorizationEpoch: 1,
  expiresAt: NOW + 42 * 60_000 + 3_000,
  dueAt: NOW + 600_000,
  failureCount: 1,
  lastError: { code: 'server_error', description: 'evil \u001b[31mred\u001b[0m', at: NOW },
  revision: 3,
  createdAt: NOW - 90_000_000,
  updatedAt: NOW - 5_000,
  authorizedAt: NOW - 86_400_000,
  refreshExpiresAt: NOW + 2 * 86_400_000,
  authorizationExpiresAt: NOW + 9 * 86_400_000,
};
const CLIENT: OAuthClient = {
  uid: 'u',
  id: 'indicium',
  issuer: 'https://as.test/indicium',
  clientId: 'broker',
  authMethod: 'client_secret_basic',
  scopes: ['openid'],
  profile: 'indicium',
  rotateAt: 0.5,
  defaultTokenTtlMs: 300_000,
  ratePerSecond: 50,
  maxConcurrent: 16,
  revision: 1,
  createdAt: NOW,
  updatedAt: NOW,
};

const STATUS: ClientStatus = {
  client: {
    ...CLIENT,
    freeze: { reason: '5 of 5 were denied', by: 'replicas/r1', at: NOW - 60_000 },
    canary: 'thawed',
  },
  replica: 'broker-2',
  breaker: {
    state: 'open',
    failures: 4,
    cause: { code: 'timeout', description: 'no answer', at: NOW },
    until: NOW + 30_000,
  },
  available: 12.7,
  figures: {
    clientId: 'indicium',
    available: 0,
    sinceRefillMs: 0,
    openAttempts: 3,
    dueCount: 9,
    oldestOverdueMs: 90_000,
    slackMs: 25 * 60_000,
    unservedCount: 2,
    byState: { ACTIVE: 40 },
  },
};

describe('brokerctl', () => {
  let server: GrpcServer;
  let address: string;
  let cwd: string;
  let refusal: Refusal | undefined;
  let query: ConnectionQuery | undefined;
  let updated: ClientFields | undefined;
  let imported: string | undefined;
  let importedAt: number | undefined;
  let forecast: ReauthorizationQuery | undefined;
  const frozen: string[] = [];

  beforeAll(async () => {
    const ca = await TestCa.create();
    cwd = mkdtempSync(join(tmpdir(), 'brokerctl-'));
    const pki = join(cwd, '.data/pki');
    mkdirSync(pki, { recursive: true });
    for (const name of ['admin', 'job', 'stranger']) {
      const pair = await ca.issue({ commonName: name });
      const files = developmentFiles(pki, name);
      writeFileSync(files.ca, ca.certificate);
      writeFileSync(files.cert, pair.certificate);
      writeFileSync(files.key, pair.privateKey);
    }
    const refusing = refusingParts();
    const parts: GrpcServerParts = {
      ...refusing,
      policy: policyOf([workload('admin', ['cn:admin'], ['ADMIN']), workload('job', ['cn:job'])]),
      handOut: { get: async () => (refusal ? { refusal } : goodToken('the-access-token')) },
      connections: {
        ...refusing.connections,
        get: async () => CONNECTION,
        list: async (_caller, asked) => {
          query = asked;
          return { connections: [CONNECTION], nextPageToken: '' };
        },
        listReauthorizations: async (_caller, asked) => {
          forecast = asked;
          return { connections: [CONNECTION], nextPageToken: '' };
        },
        importRefreshToken: async (_caller, _name, given) => {
          imported = given.refreshToken.reveal();
          importedAt = given.authorizedAt;
          return CONNECTION;
        },
        startAuthorization: async () => ({
          connection: CONNECTION,
          uri: 'https://broker.test/connect/x',
          expiresAt: NOW + 3_600_000,
        }),
        pause: async () => {
          throw BrokerError.of('CONNECTION_NOT_FOUND', 'It does not exist.');
        },
      },
      freezing: {
        freeze: async (_caller, id, reason) => {
          frozen.push(`freeze ${id}: ${reason}`);
          return CLIENT;
        },
        thaw: async (_caller, id, reason, acceptDenials) => {
          frozen.push(`thaw ${id}: ${reason}${acceptDenials ? 'denials accepted' : ''}`);
          return CLIENT;
        },
      },
      statuses: { get: async () => STATUS, list: async () => [STATUS] },
      clients: {
        ...refusing.clients,
        get: async () => STATUS.client,
        update: async (_caller, _id, change) => {
          updated = change(CLIENT);
          return { ...CLIENT, ...updated } as OAuthClient;
        },
        effectiveProfile: ({ profile, profileSettings }) => ({
          ...sampleProfile(profile),
          ...profileSettings,
        }),
        listProfiles: async () => [
          sampleProfile('indicium'),
          { ...sampleProfile('okta'), graceWindowMs: 30_000 },
        ],
      },
    };
    ({ server, address } = await startServer(ca, parts));
  });
  afterEach(() => {
    refusal = undefined;
    updated = undefined;
  });
  afterAll(async () => {
    await server.close(500);
    rmSync(cwd, { recursive: true });
  });

  async function brokerctl(
    args: readonly string[],
    {
      tty = false,
      input = '',
      env = {},
      dir = cwd,
    }: { tty?: boolean; input?: string; env?: Record<string, string>; dir?: string } = {},
  ): Promise<{ code: number; out: string; err: string }> {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    stdin.end(input);
    const code = await run(args, {
      stdin,
      stdout: Object.assign(stdout, { isTTY: tty }),
      stderr,
      env: { BROKERCTL_ADDRESS: address, ...env },
      cwd: dir,
      now: () => NOW,
    });
    const text = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString() ?? '';
    return { code, out: text(stdout), err: text(stderr) };
  }

  test('prints the bare token when piped', async () => {
    expect(await brokerctl(['token', 'get', 'indicium/ada', '--min-ttl', '5m'])).toEqual({
      code: 0,
      out: 'the-access-token\n',
      err: '',
    });
  });

  test('prints a summary without the token on a terminal, and the token with --show', async () => {
    const { out } = await brokerctl(['token', 'get', 'indicium/ada'], { tty: true });
    expect(out).toMatch(
      /^token +\[16 characters, sha256 [0-9a-f]{12}; --show prints it]\ntype +Bearer\nexpires +20.*\nlife left +59m 50s/,
    );
    expect(out).not.toContain('the-access-token');
    expect((await brokerctl(['token', 'get', 'indicium/ada', '--show'], { tty: true })).out).toBe(
      'the-access-token\n',
    );
  });

  test('JSON has the field names of the contract', async () => {
    const piped = JSON.parse(
      (await brokerctl(['--output', 'json', 'token', 'get', 'indicium/ada'])).out,
    ) as object;
    expect(piped).toMatchObject({
      access_token: 'the-access-token',
      token_type: 'Bearer',
      ttl: '3590s',
      generation: '7',
    });
    const connection = JSON.parse(
      (await brokerctl(['connections', 'get', 'indicium/ada', '--output', 'json'])).out,
    ) as object;
    expect(connection).toMatchObject({
      name: 'clients/indicium/connections/ada',
      state: 'ACTIVE',
      subject_kind: 'USER',
      grant_type: 'REFRESH_TOKEN',
      generation: '12',
      expire_time: '2026-05-01T12:42:03.000Z',
    });
    expect(connection).not.toHaveProperty('last_rotate_time');
  });

  test('a table, with times relative and absolute, and nothing that a terminal would obey', async () => {
    const { out } = await brokerctl([
      'connections',
      'list',
      '--client',
      'indicium',
      '--state',
      'ACTIVE',
      '--limit',
      '7',
    ]);
    expect(query).toMatchObject({ clientId: 'indicium', state: 'ACTIVE', pageSize: 7 });
    expect(out).toContain('2026-05-01T12:42:03Z (in 42m 3s)');
    expect(out).not.toContain('\u001b');
  });

  test('a refresh token comes from standard input or a file, never from the command line', async () => {
    expect((await brokerctl(['connections', 'import', 'indicium/x'], { input: 'rt-1\n' })).code).toBe(0);
    expect(imported).toBe('rt-1');
    writeFileSync(join(cwd, 'rt'), 'rt-2\r\n');
    expect((await brokerctl(['connections', 'import', 'indicium/x', '--file', 'rt'])).code).toBe(0);
    expect(imported).toBe('rt-2');
    expect((await brokerctl(['connections', 'import', 'indicium/x', 'rt-3'])).code).toBe(2);
    expect(await brokerctl(['connections', 'import', 'indicium/x'])).toMatchObject({
      code: 2,
      err: 'error: USAGE: The refresh token is empty.\n',
    });
  });

  test('an imported refresh token may say when its user authorized it', async () => {
    const at = ['--authorized-at', '2026-04-01T12:00:00+02:00'];
    expect((await brokerctl(['connections', 'import', 'indicium/x', ...at], { input: 'rt\n' })).code).toBe(0);
    expect(importedAt).toBe(Date.parse('2026-04-01T10:00:00Z'));
    const odd = ['--authorized-at', 'yesterday'];
    expect(await brokerctl(['connections', 'import', 'indicium/x', ...odd], { input: 'rt\n' })).toMatchObject(
      {
        code: 2,
        err: expect.stringContaining('a time like') as string,
      },
    );
  });

  test('what will need its user, and when', async () => {
    const { out } = await brokerctl(['connections', 'forecast', '--within', '7d', '--client', 'indicium']);
    expect(forecast).toMatchObject({ clientId: 'indicium', withinMs: 7 * 86_400_000, pageSize: 100 });
    expect(out.split('\n')[0]).toMatch(/^NAME +NEEDS ITS USER +STATE +SUBJECT/);
    // Its rotations fail: the refresh token's own end is what counts.
    expect(out).toMatch(/^clients\/indicium\/connections\/ada +2026-05-03T12:00:00Z \(in 2d\) +ACTIVE +ada/m);
    await brokerctl(['connections', 'forecast']);
    expect(forecast).toMatchObject({ withinMs: 30 * 86_400_000 });
    const card = (await brokerctl(['connections', 'get', 'indicium/ada'])).out;
    expect(card).toMatch(/^refresh token expires +2026-05-03T12:00:00Z \(in 2d\)$/m);
    expect(card).toMatch(/^needs its user +2026-05-03T12:00:00Z \(in 2d\)$/m);
    expect(card).toMatch(/^authorized +2026-04-30T12:00:00Z \(1d ago\)$/m);
  });

  test('lifetimes of an OAuth client: set, shown, and taken back', async () => {
    const { out } = await brokerctl([
      'clients',
      'update',
      'indicium',
      '--refresh-token-idle-ttl',
      '15d',
      '--authorization-ttl',
      '0',
    ]);
    expect(updated).toMatchObject({ refreshTokenIdleTtlMs: 15 * 86_400_000 });
    expect(updated).not.toHaveProperty('authorizationTtlMs');
    expect(out).toMatch(/^refresh token idle ttl +15d$/m);
    expect(out).not.toContain('authorization ttl');
  });

  test('an update names what is given, and the secret comes from standard input', async () => {
    const { code, out } = await brokerctl(
      ['clients', 'update', 'indicium', '--secret-stdin', '--scope', 'a', '--scope', 'b'],
      { input: 's3cret\n' },
    );
    expect(code).toBe(0);
    expect(updated).toMatchObject({ scopes: ['a', 'b'], issuer: CLIENT.issuer });
    expect(updated?.clientSecret?.reveal()).toBe('s3cret');
    expect(out).not.toContain('s3cret');
    expect((await brokerctl(['clients', 'update', 'indicium'])).err).toMatch(
      /^error: USAGE: Say what to change/,
    );
  });

  test('settings of its own over those of its profile: set, shown as such, and taken back', async () => {
    const update = (...settings: string[]): ReturnType<typeof brokerctl> =>
      brokerctl(['clients', 'update', 'indicium', ...settings.flatMap((one) => ['--profile-setting', one])]);
    const { code, out } = await update(
      'grace_window=30s',
      'reuse=refused',
      'rotates=no',
      'final_errors=invalid_grant,account_closed',
      'refused_errors=none',
      'error_statuses=400,422',
      'not_processed=429:status,503:retry_after+http_sys_page',
      'answer_rules=[{"statuses":[400],"body":"empty","meaning":"final"}]',
      'authorization_parameters=audience=https://api.example&prompt=login',
    );
    expect(code).toBe(0);
    expect(updated?.profileSettings).toEqual({
      graceWindowMs: 30_000,
      reuse: 'refused',
      rotates: false,
      finalErrors: ['invalid_grant', 'account_closed'],
      refusedErrors: [],
      errorStatuses: [400, 422],
      notProcessed: [
        { status: 429, proofs: ['status'] },
        { status: 503, proofs: ['retry-after', 'http-sys-page'] },
      ],
      answerRules: [{ statuses: [400], body: 'empty', meaning: 'final' }],
      authorizationParameters: { audience: 'https://api.example', prompt: 'login' },
    });
    expect(out).toMatch(/^grace_window +30s \(its own\)$/m);
    expect(out).toMatch(/^refused_errors +none \(its own\)$/m);
    expect(out).toMatch(/^answer_rules +400 with empty body is final \(its own\)$/m);
    expect(out).toMatch(/^probe +late$/m);
    await update('grace_window=');
    expect(updated?.profileSettings).toEqual({});
  });

  test.each([
    ['nonsense', /is key=value, not "nonsense"\. The keys are final_errors,/],
    ['__proto__=x', /is key=value/],
    ['probe=sometimes', /"sometimes" is none of late, never/],
    ['rotates=maybe', /neither yes nor no/],
    ['grace_window=soon', /is not a duration/],
    ['error_statuses=4xx', /not an HTTP status/],
    ['not_processed=429', /"" is none of status, retry_after, http_sys_page/],
    ['answer_rules=x', /answer_rules is JSON/],
    ['answer_rules={}', /is a JSON list/],
    ['answer_rules=[{"meaning":"final","status":400}]', /not status/],
    ['answer_rules=[{"errors":["x"]}]', /"" is none of final, refused, doubtful/],
  ])('a profile setting that makes no sense: %s', async (setting, says) => {
    const outcome = await brokerctl(['clients', 'update', 'indicium', '--profile-setting', setting]);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toMatch(says);
  });

  test('the profiles are those of the broker', async () => {
    const { out } = await brokerctl(['clients', 'profiles']);
    expect(out.split('\n')[0]).toMatch(/^NAME +REUSE +ROTATES +GRACE WINDOW +PROBE/);
    expect(out).toMatch(/^okta +revokes +yes +30s +late +invalid_grant +0$/m);
    expect((await brokerctl(['clients', 'profiles', 'okta'])).out).toMatch(/^grace_window +30s$/m);
    expect(await brokerctl(['clients', 'profiles', 'gone'])).toMatchObject({ code: 2 });
    const json = JSON.parse(
      (await brokerctl(['clients', 'profiles', 'okta', '--output', 'json'])).out,
    ) as object;
    expect(json).toMatchObject({ name: 'okta', settings: { reuse: 'REVOKES', grace_window: '30s' } });
  });

  test('one OAuth client shows what its profile makes of it', async () => {
    const { out } = await brokerctl(['clients', 'get', 'indicium']);
    expect(out).toMatch(/^final_errors +invalid_grant$/m);
    expect(out).not.toContain('its own');
  });

  test('a budget is set by options, within its bounds', async () => {
    const { code } = await brokerctl([
      'clients',
      'update',
      'indicium',
      '--rate',
      '2.5',
      '--max-concurrent',
      '4',
    ]);
    expect(code).toBe(0);
    expect(updated).toMatchObject({ ratePerSecond: 2.5, maxConcurrent: 4, scopes: CLIENT.scopes });
    expect(await brokerctl(['clients', 'update', 'indicium', '--max-concurrent', '1.5'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('whole number') as string,
    });
  });

  test('an OAuth client is frozen with a reason, and thawed', async () => {
    expect(await brokerctl(['clients', 'freeze', 'indicium'])).toMatchObject({ code: 2 });
    expect(await brokerctl(['clients', 'freeze', 'indicium', '--reason', 'a restored backup'])).toEqual({
      code: 0,
      out: 'clients/indicium is frozen.\n',
      err: '',
    });
    expect((await brokerctl(['clients', 'thaw', 'indicium'])).out).toMatch(/^clients\/indicium is thawed\./);
    const accepted = await brokerctl(['clients', 'thaw', 'indicium', '--accept-denials']);
    expect(accepted.out).toMatch(/Denials are final for two hours/);
    expect(frozen).toEqual([
      'freeze indicium: a restored backup',
      'thaw indicium: ',
      'thaw indicium: denials accepted',
    ]);
    const shown = await brokerctl(['clients', 'get', 'indicium']);
    expect(shown.out).toMatch(/frozen +2026-05-01T11:59:00Z \(1m ago\) by replicas\/r1: 5 of 5 were denied/);
  });

  test('the status says what is wrong, who says so, and what is left', async () => {
    const { out } = await brokerctl(['clients', 'status', 'indicium']);
    expect(out).toMatch(/^name +clients\/indicium$/m);
    expect(out).toMatch(/^frozen +.*by replicas\/r1: 5 of 5 were denied$/m);
    expect(out).toMatch(/^breaker +OPEN, of replica broker-2$/m);
    expect(out).toMatch(/^last error +timeout: no answer$/m);
    expect(out).toMatch(/^next rotation goes through +2026-05-01T12:00:30Z \(in 30s\)$/m);
    expect(out).toMatch(/^rate +50 a second, 12 available now$/m);
    expect(out).toMatch(/^under way +3 of 16 at the most$/m);
    expect(out).toMatch(/^oldest overdue +1m 30s$/m);
    expect(out).toMatch(/^slack +25m$/m);
    expect(out).toMatch(/^ACTIVE +40$/m);
    const table = (await brokerctl(['clients', 'status'])).out.split('\n');
    expect(table[0]).toMatch(
      /^NAME +CONDITION +DUE +OLDEST OVERDUE +UNDER WAY +SLACK +UNSERVED +LAST ERROR$/,
    );
    expect(table[1]).toMatch(/^clients\/indicium +FROZEN +9 +1m 30s +3 of 16 +25m +2 +timeout: no answer$/);
    const json = JSON.parse((await brokerctl(['clients', 'status', 'indicium', '--output', 'json'])).out) as {
      breaker: object;
    };
    expect(json).toMatchObject({ due_count: '9', canary: 'THAWED', slack: '1500s' });
    expect(json.breaker).toMatchObject({ state: 'OPEN', retry_time: '2026-05-01T12:00:30.000Z' });
  });

  test('the link goes to standard output, the advice beside it', async () => {
    const { out, err } = await brokerctl(['connections', 'connect', 'indicium/ada']);
    expect(out).toBe('https://broker.test/connect/x\n');
    expect(err).toContain('2026-05-01T13:00:00Z (in 1h)');
  });

  test.each([
    [
      3,
      ['--as', 'stranger', 'connections', 'list'],
      /^error: UNAUTHENTICATED: No workload is registered for cn:stranger/,
    ],
    [5, ['connections', 'pause', 'indicium/ada'], /^error: CONNECTION_NOT_FOUND: It does not exist\.\n$/],
    [6, ['connections', 'resume', 'indicium/ada'], /^error: STATE_CONFLICT/],
    [2, ['connections', 'get', 'a/b/c'], /^error: INVALID_REQUEST/],
    [2, ['--as', '../admin', 'rules', 'list'], /^error: USAGE: --as takes/],
    [2, ['--as', 'nobody', 'rules', 'list'], /client-nobody.* cannot be read/],
    [2, ['token', 'get'], /^error: USAGE: missing required argument/],
    [2, ['token', 'get', 'x/y', '--min-ttl', 'soon'], /^error: USAGE: .*is not a duration/],
    [2, ['connections', 'list', '--state', 'GONE'], /^error: USAGE: .*Allowed choices/],
    [2, ['--address', 'nowhere', 'rules', 'list'], /^error: USAGE: --address is host:port/],
    [
      7,
      ['--address', 'localhost:1', '--timeout', '5s', 'rules', 'list'],
      /^error: UNAVAILABLE: .*\nhint: is a broker running there/,
    ],
  ])('ends with %i for %j', async (code, args, message) => {
    const outcome = await brokerctl(args);
    expect(outcome.err).toMatch(message);
    expect(outcome).toMatchObject({ code, out: '' });
  });

  test('a refusal tells what to do', async () => {
    refusal = {
      reason: 'REAUTHORIZATION_REQUIRED',
      message: 'Log in again.',
      metadata: { reconnect_uri: 'https://b.test/c/x' },
    };
    expect(await brokerctl(['token', 'get', 'indicium/ada'])).toEqual({
      code: 6,
      out: '',
      err: 'error: REAUTHORIZATION_REQUIRED: Log in again.\nhint: the user can connect again at https://b.test/c/x\n',
    });
    refusal = { reason: 'ACCESS_DENIED', message: 'No.' };
    expect(await brokerctl(['token', 'get', 'indicium/ada'])).toMatchObject({ code: 4 });
    refusal = { reason: 'AUTHORIZATION_SERVER_DOWN', message: 'Away.', retryAfterMs: 2_500 };
    expect((await brokerctl(['token', 'get', 'indicium/ada'])).err).toBe(
      'error: AUTHORIZATION_SERVER_DOWN: Away.\nhint: try again in 3s\n',
    );
  });

  test('an address by number, with the name of the certificate', async () => {
    const port = address.split(':')[1];
    const outcomes = await Promise.all(
      [`127.0.0.1:${port}`, `[::1]:${port}`].map((at) => brokerctl(['--address', at, 'token', 'get', 'a/b'])),
    );
    expect(outcomes.some(({ code }) => code === 0)).toBe(true);
  });

  test('outside of a checkout somebody has to be named', async () => {
    expect(await brokerctl(['rules', 'list'], { dir: tmpdir() })).toMatchObject({
      code: 2,
      err: expect.stringMatching(/Say who you are/) as string,
    });
    const files = developmentFiles(join(cwd, '.data/pki'), 'job');
    const env = { BROKERCTL_CA: files.ca, BROKERCTL_CERT: files.cert, BROKERCTL_KEY: files.key };
    expect(await brokerctl(['token', 'get', 'a/b'], { dir: tmpdir(), env })).toMatchObject({ code: 0 });
  });

  test('help documents the exit codes and the environment', async () => {
    const { code, out } = await brokerctl(['--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/BROKERCTL_ADDRESS[\s\S]*Exit codes:[\s\S]*7 {2}not available/);
    expect((await brokerctl(['connections', 'import', '--help'])).out).toContain('Exit codes:');
  });
});
