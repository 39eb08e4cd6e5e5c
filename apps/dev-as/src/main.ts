import { optionsFromEnvironment } from './environment.js';
import { startDevAuthorizationServer } from './server.js';

/** Process entry: configured by `DEV_AS_…` variables, ends cleanly on SIGTERM and SIGINT. */
async function main(): Promise<void> {
  const server = await startDevAuthorizationServer(optionsFromEnvironment(process.env));
  console.log(JSON.stringify({ event: 'dev-as.listening', issuer: server.issuer, pid: process.pid }));
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping ??= server.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // Whoever started us over a channel is gone.
  process.once('disconnect', stop);
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  const hint = message.includes('EADDRINUSE')
    ? ' (another program listens there; DEV_AS_PORT chooses another port)'
    : '';
  console.error(`dev-as: ${message.replaceAll('\n', ' ')}${hint}`);
  process.exit(1);
});
