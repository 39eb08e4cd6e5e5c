import { call, type BrokerConnection } from '#libs/client';
import { EXAMPLES, registerExamples } from './examples.js';
import { narrate } from './narrator.js';
import { settingsFromEnvironment } from './settings.js';
import { DevelopmentStack } from './stack.js';

/** `npm start`: everything on this machine, with examples, until Ctrl-C. */
async function main(): Promise<number> {
  const settings = settingsFromEnvironment(process.env);
  const started = Date.now();
  const stopping = stopSignal();
  const stack = await DevelopmentStack.start(settings, {
    step: (text) => console.log(text),
    brokerLine: (replica, line) => {
      const told = narrate(replica, line);
      if (told !== undefined) console.log(told);
    },
  });
  try {
    const admin = await stack.connect('admin');
    await registerExamples(stack, admin);
    await printWelcome(stack, admin, Date.now() - started);
    admin.close();
    const failed = await Promise.race([
      stopping,
      ...stack.replicas.map(({ child, name }) => ended(child.exited, name)),
    ]);
    if (failed !== undefined) console.error(failed);
    return failed === undefined ? 0 : 1;
  } finally {
    console.log('Stopping …');
    await stack.stop();
    console.log('Stopped. The data stays in', settings.dataDir);
  }
}

async function printWelcome(stack: DevelopmentStack, admin: BrokerConnection, ms: number): Promise<void> {
  const { settings } = stack;
  const connection = await call(admin.connections.getConnection.bind(admin.connections), {
    name: EXAMPLES.userConnection,
  }).catch(() => undefined);
  const link =
    connection?.connection?.generation && connection.connection.generation > 0n
      ? undefined
      : await call(admin.connections.startAuthorization.bind(admin.connections), {
          name: EXAMPLES.userConnection,
          scopes: [],
          loginHint: 'ada',
        });
  const rows: [string, string][] = [
    ['gRPC (mTLS)', stack.replicas.map(({ grpcAddress }) => grpcAddress).join(', ')],
    ['connect page, health, metrics', stack.replicas.map(({ webUrl }) => webUrl).join(', ')],
    [
      'authorization server',
      `${stack.issuer}  (tokens live ${settings.tokenTtlSeconds} s; DEV_AS_TOKEN_TTL_SECONDS changes that)`,
    ],
    ['PostgreSQL', settings.databaseUrl ? 'by DATABASE_URL' : new URL(stack.databaseUrl).host],
    ['data, keys, certificates, logs', settings.dataDir],
  ];
  console.log(`\nThe token broker is up, after ${(ms / 1000).toFixed(1)} s.\n`);
  for (const [what, where] of rows) console.log(`  ${what.padEnd(31)}${where}`);
  console.log('\nThree commands to try next, in another terminal:\n');
  console.log('  # the token of a service account, as the workload invoice-sync');
  console.log(`  npm run -s brokerctl -- --as ${EXAMPLES.workload} token get ${EXAMPLES.serviceAccount}`);
  console.log('  # what the broker keeps fresh');
  console.log('  npm run -s brokerctl -- connections list');
  if (link) {
    console.log('  # once ada has connected in a browser (user name ada, password ada):');
    console.log(`  npm run -s brokerctl -- --as ${EXAMPLES.workload} token get ${EXAMPLES.userConnection}`);
    console.log(`\nada connects here:\n\n  ${link.authorizationUri}\n`);
  } else {
    console.log("  # ada's token: she has connected already");
    console.log(`  npm run -s brokerctl -- --as ${EXAMPLES.workload} token get ${EXAMPLES.userConnection}\n`);
  }
  console.log('Each rotation is one line below. Ctrl-C stops everything.\n');
}

async function ended(exited: Promise<number>, name: string): Promise<string> {
  return `${name} ended by itself with status ${await exited}. Its log is in the data directory, under logs.`;
}

function stopSignal(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => resolve(undefined));
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
