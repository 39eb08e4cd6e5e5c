import { readFileSync } from 'node:fs';
import { Module, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Directory, HeldTokens, Membership, messageOf, PendingSaves, type RotationGates } from '#libs/core';
import type { GrpcServer } from '#libs/grpc';
import { connectionFigures, FleetClock } from '#libs/postgres';
import { secure } from '#libs/web';
import type { BrokerConfig } from './broker-config.js';
import { Lifecycle } from './lifecycle.js';
import { EdgeModule } from './modules/edge.module.js';
import { GATES, GRPC_SERVER, type Foundation } from './modules/foundation.js';
import { PersistenceModule } from './modules/persistence.module.js';
import { RotationModule } from './modules/rotation.module.js';
import { UseCasesModule } from './modules/use-cases.module.js';
import { NestLog } from './nest-log.js';
import { StartError } from './start-error.js';

@Module({})
class BrokerModule {
  static with(foundation: Foundation): DynamicModule {
    return {
      module: BrokerModule,
      imports: [PersistenceModule.with(foundation), RotationModule, UseCasesModule, EdgeModule],
    };
  }
}

/** A broker that serves. */
export interface RunningBroker {
  readonly app: INestApplicationContext;
  readonly foundation: Foundation;
  readonly grpcPort: number;
  readonly webUrl: string;
}

/**
 * Composes the broker and opens its doors: the pages first, then gRPC, then it says that it serves.
 * @throws {StartError} where a door cannot be opened
 */
export async function boot(foundation: Foundation): Promise<RunningBroker> {
  const { config, database, metrics } = foundation;
  const app = await NestFactory.create<NestExpressApplication>(BrokerModule.with(foundation), {
    logger: new NestLog(foundation.logger),
    abortOnError: false,
    bodyParser: false,
    ...tlsOf(config),
  });
  secure(app, config.web.publicUrl);
  const held = app.get(HeldTokens);
  const pending = app.get(PendingSaves);
  const membership = app.get(Membership);
  const directory = app.get(Directory);
  const { breakers, slots } = app.get<RotationGates>(GATES);
  metrics.observe({
    clients: () =>
      directory.all().map(({ id, freeze }) => ({
        client: id,
        frozen: freeze !== undefined,
        breakerOpen: breakers.view(id).state !== 'closed',
      })),
    stats: { stats: () => connectionFigures(database.main) },
    heldConnections: () => held.size,
    pendingSaves: () => pending.size,
    objection: () => membership.objection,
    replicas: () => membership.replicas,
    spool: () => foundation.spool.load,
    waitingReads: () => slots.waiting,
  });
  // Who may what, and what time it is, before the first caller and the first claim.
  await app.get(FleetClock).sync(database.main);
  await directory.refresh();
  // Whether the database is still the one that this replica knows, and what the life before left.
  await membership.join();
  const grpc = app.get<GrpcServer>(GRPC_SERVER);
  const { web, grpc: grpcAddress } = config;
  await opening('TOKEN_BROKER_WEB_ADDRESS', web, () => app.listen(web.port, web.host));
  const grpcPort = await opening('TOKEN_BROKER_GRPC_ADDRESS', grpcAddress, () =>
    grpc.listen(`${bracketed(grpcAddress.host)}:${grpcAddress.port}`),
  );
  app.get(Lifecycle).serving();
  grpc.setServing(true);
  return { app, foundation, grpcPort, webUrl: await app.getUrl() };
}

async function opening<T>(
  setting: string,
  { host, port }: { readonly host: string; readonly port: number },
  open: () => Promise<T>,
): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const message = messageOf(error);
    const what = /EADDRINUSE|address already in use/i.test(message)
      ? 'another program listens there. End it, or choose another port'
      : message;
    throw new StartError(`The broker cannot listen on ${host}:${port} (${setting}): ${what}.`, {
      cause: error,
    });
  }
}

function tlsOf({ web }: BrokerConfig): {
  httpsOptions?: { cert: string; key: string; minVersion: 'TLSv1.2' };
} {
  if (web.certFile === undefined || web.keyFile === undefined) return {};
  try {
    const cert = readFileSync(web.certFile, 'utf8');
    const key = readFileSync(web.keyFile, 'utf8');
    return { httpsOptions: { cert, key, minVersion: 'TLSv1.2' } };
  } catch (error) {
    throw new StartError(
      `TOKEN_BROKER_WEB_CERT_FILE or TOKEN_BROKER_WEB_KEY_FILE cannot be read: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
