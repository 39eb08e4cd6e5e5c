import { status } from '@grpc/grpc-js';
import { call, TokenBrokerError, type BrokerConnection } from '#libs/client';
import { Client_AuthMethod, Client_Canary } from '#proto/tokenbroker/v1/client_service';
import { DevelopmentStack } from './stack.js';

/** The examples that `npm start` registers, by the names they have in the README. */
export const EXAMPLES = {
  userClient: 'clients/indicium',
  userConnection: 'clients/indicium/connections/ada',
  batchClient: 'clients/indicium-batch',
  serviceAccount: 'clients/indicium-batch/connections/invoice-run',
  workload: 'invoice-sync',
} as const;

const SCOPES = ['openid', 'offline_access', 'sf/software_development'];

/** Registers the example OAuth clients, the service account and the workload, where they are not yet there. */
export async function registerExamples(stack: DevelopmentStack, broker: BrokerConnection): Promise<void> {
  await registerClient(stack, broker, 'indicium', 'indicium-web', SCOPES);
  await registerClient(stack, broker, 'indicium-batch', 'indicium-batch', ['sf/software_development']);
  await unlessThere(
    call(broker.connections.createConnection.bind(broker.connections), {
      parent: EXAMPLES.batchClient,
      connectionId: 'invoice-run',
      scopes: [],
    }),
  );
  await unlessThere(
    call(broker.access.createWorkload.bind(broker.access), {
      workloadId: EXAMPLES.workload,
      workload: {
        name: '',
        identities: [DevelopmentStack.identityOf(EXAMPLES.workload)],
        roles: [],
        createTime: undefined,
      },
    }),
  );
  await unlessThere(
    call(broker.access.createAccessRule.bind(broker.access), {
      accessRuleId: EXAMPLES.workload,
      accessRule: {
        name: '',
        workload: `workloads/${EXAMPLES.workload}`,
        connectionPattern: 'clients/indicium*/connections/*',
        createTime: undefined,
      },
    }),
  );
  await stack.certificateOf(EXAMPLES.workload);
}

/** Registers one client of the development authorization server at the broker. */
export async function registerClient(
  stack: DevelopmentStack,
  broker: BrokerConnection,
  name: string,
  clientId: string,
  scopes: readonly string[],
  rotateAt = 0.5,
): Promise<void> {
  await unlessThere(
    call(broker.clients.createClient.bind(broker.clients), {
      clientId: name,
      client: {
        name: '',
        issuer: stack.issuer,
        endpoints: undefined,
        clientId,
        authMethod: Client_AuthMethod.CLIENT_SECRET_BASIC,
        clientSecret: stack.clientSecret(clientId),
        scopes: [...scopes],
        profile: 'indicium',
        rotateAt,
        redirectUri: '',
        defaultTokenTtl: undefined,
        createTime: undefined,
        updateTime: undefined,
        profileSettings: undefined,
        effectiveProfile: undefined,
        refreshTokenIdleTtl: undefined,
        authorizationTtl: undefined,
        ratePerSecond: 0,
        maxConcurrent: 0,
        freeze: undefined,
        canary: Client_Canary.UNSPECIFIED,
      },
    }),
  );
}

/** A second start finds what the first one registered. */
async function unlessThere(registration: Promise<unknown>): Promise<void> {
  try {
    await registration;
  } catch (error) {
    if (!(error instanceof TokenBrokerError) || error.code !== status.ALREADY_EXISTS) throw error;
  }
}
