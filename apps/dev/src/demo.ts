import { rmSync } from 'node:fs';
import { connectAs } from '../../dev-as/src/index.js';
import { call, type BrokerConnection } from '#libs/client';
import { type GetAccessTokenResponse } from '#proto/tokenbroker/v1/token_service';
import type { Connection } from '#proto/tokenbroker/v1/connection_service';
import { EXAMPLES, registerExamples } from './examples.js';
import { presentAgain, refreshTokenOf, whoami } from './demo-checks.js';
import { isolatedSettings, temporaryDirectory } from './settings.js';
import { DevelopmentStack } from './stack.js';

/** Short enough that the scheduler rotates while somebody watches. */
const TOKEN_TTL_SECONDS = 20;

/**
 * `npm run demo`: the whole main job once, on a stack of its own, as a report. Every line that begins with a
 * tick has been checked; the first one that fails ends it with status 1.
 */
async function main(): Promise<void> {
  const startedAt = Date.now();
  const dir = temporaryDirectory('demo');
  heading(`The token broker's main job, with tokens that live ${TOKEN_TTL_SECONDS} s`);
  const settings = await isolatedSettings(dir, { tokenTtlSeconds: TOKEN_TTL_SECONDS });
  const stack = await DevelopmentStack.start(settings, { step: say });
  try {
    const admin = await stack.connect('admin');
    await registerExamples(stack, admin);
    const workload = await stack.connect(EXAMPLES.workload);
    await connectUser(admin);
    await readAs(stack, workload, EXAMPLES.userConnection, 'ada');
    await readServiceAccount(stack, workload);
    await watchRotation(stack, admin, workload);
    admin.close();
    workload.close();
  } finally {
    await stack.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  console.log(`\nAll of it worked, in ${((Date.now() - startedAt) / 1000).toFixed(0)} s.`);
}

async function connectUser(admin: BrokerConnection): Promise<void> {
  heading('1. A user connects once: authorization code flow with PKCE');
  const { authorizationUri } = await call(admin.connections.startAuthorization.bind(admin.connections), {
    name: EXAMPLES.userConnection,
    scopes: [],
    loginHint: '',
  });
  say('the link: the broker shows what it is about, then the login and the consent are answered over HTTP');
  const journey = await connectAs(authorizationUri, { login: 'ada' });
  check(
    journey.status === 200 && journey.body.includes('Connected'),
    'the browser ends at the page "Connected"',
  );
  const connection = await connectionOf(admin, EXAMPLES.userConnection);
  check(connection.subject === 'ada', 'the connection belongs to the user who logged in: ada');
}

async function readServiceAccount(stack: DevelopmentStack, workload: BrokerConnection): Promise<void> {
  heading('3. The same for a service account: client credentials');
  await readAs(stack, workload, EXAMPLES.serviceAccount, 'svc-invoice', false);
}

async function readAs(
  stack: DevelopmentStack,
  workload: BrokerConnection,
  connection: string,
  user: string,
  withHeading = true,
): Promise<GetAccessTokenResponse> {
  if (withHeading) heading('2. A workload reads the token over gRPC (mTLS), and calls the API with it');
  const token = await tokenOf(workload, connection);
  check(
    token.accessToken !== '',
    `GetAccessToken of ${connection} answers a ${token.tokenType} token, good for ${Number(token.ttl?.seconds ?? 0n)} s`,
  );
  const answer = await whoami(stack.issuer, token.accessToken);
  check(
    answer.status === 200 && answer.sub === user,
    `the protected resource answers as ${String(answer.sub)}`,
  );
  return token;
}

async function watchRotation(
  stack: DevelopmentStack,
  admin: BrokerConnection,
  workload: BrokerConnection,
): Promise<void> {
  heading('4. The scheduler rotates by itself, before the token is over');
  const before = await connectionOf(admin, EXAMPLES.userConnection);
  const old = await tokenOf(workload, EXAMPLES.userConnection);
  const oldRefreshToken = await refreshTokenOf(stack, 'ada');
  const after = await nextGeneration(admin, before);
  check(
    after.generation > before.generation,
    `the generation has moved: ${before.generation} → ${after.generation}, and nobody asked for it`,
  );
  const fresh = await tokenOf(workload, EXAMPLES.userConnection);
  check(fresh.accessToken !== old.accessToken, 'GetAccessToken answers the new access token');
  const answer = await whoami(stack.issuer, fresh.accessToken);
  check(
    answer.status === 200 && answer.sub === 'ada',
    `the new access token works, as ${String(answer.sub)}`,
  );
  const refusal = await presentAgain(stack, oldRefreshToken);
  check(
    refusal === 'invalid_grant',
    `the refresh token of generation ${before.generation} is dead: presented again, it gets ${refusal}`,
  );
}

async function nextGeneration(admin: BrokerConnection, before: Connection): Promise<Connection> {
  const deadline = Date.now() + TOKEN_TTL_SECONDS * 1_000;
  for (;;) {
    const now = await connectionOf(admin, EXAMPLES.userConnection);
    if (now.generation > before.generation || Date.now() > deadline) return now;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function connectionOf(admin: BrokerConnection, name: string): Promise<Connection> {
  const { connection } = await call(admin.connections.getConnection.bind(admin.connections), { name });
  if (!connection) throw new Error(`The broker answered without ${name}.`);
  return connection;
}

function tokenOf(workload: BrokerConnection, connection: string): Promise<GetAccessTokenResponse> {
  return call(workload.tokens.getAccessToken.bind(workload.tokens), {
    connection,
    minTtl: undefined,
    scopes: [],
    resource: '',
  });
}

function heading(text: string): void {
  console.log(`\n${text}`);
}

function say(text: string): void {
  console.log(`    ${text}`);
}

function check(ok: boolean, what: string): void {
  console.log(`  ${ok ? '✓' : '✗'} ${what}`);
  if (!ok) throw new Error('The demo failed at the line above.');
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
