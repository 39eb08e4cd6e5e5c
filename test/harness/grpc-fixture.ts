import {
  credentials,
  Metadata,
  type ChannelCredentials,
  type Client,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  AccessPolicy,
  BrokerError,
  Secret,
  type AccessRule,
  type AccessTokenAnswer,
  type BrokerEvent,
  type Clock,
  type Workload,
} from '#libs/core';
import {
  createGrpcServer,
  decodeErrorDetails,
  type ErrorDetails,
  type GrpcLimits,
  type GrpcServer,
  type GrpcServerParts,
} from '#libs/grpc';
import type { TestCa, TestKeyPair } from './test-pki.js';

/** A clock of this machine. */
export const SYSTEM_CLOCK: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** A workload of a test. */
export function workload(id: string, identities: string[], roles: Workload['roles'] = []): Workload {
  return { id, identities, roles, createdAt: 0 };
}

/** An answer that is good for an hour. */
export function goodToken(token = 'an-access-token'): AccessTokenAnswer {
  const now = Date.now();
  return {
    ttlMs: 3_590_000,
    token: {
      token: new Secret(token),
      tokenType: 'Bearer',
      variantKey: '',
      scopes: ['a', 'b'],
      resource: '',
      generation: 7,
      requestedAt: now,
      expiresAt: now + 3_600_000,
    },
  };
}

/** Use cases that refuse everything; a test overrides the ones that it is about. */
export function refusingParts(): GrpcServerParts & { events: { seen: BrokerEvent[] } } {
  const unexpected = async (): Promise<never> => {
    throw BrokerError.of('STATE_CONFLICT', 'The test did not expect this call.');
  };
  const seen: BrokerEvent[] = [];
  return {
    policy: () => AccessPolicy.DENY_ALL,
    handOut: { get: unexpected },
    connections: {
      startAuthorization: unexpected,
      createServiceAccount: unexpected,
      importRefreshToken: unexpected,
      get: unexpected,
      list: unexpected,
      listReauthorizations: unexpected,
      rotate: unexpected,
      pause: unexpected,
      resume: unexpected,
    },
    clients: {
      create: unexpected,
      get: unexpected,
      list: unexpected,
      update: unexpected,
      delete: unexpected,
      listProfiles: unexpected,
      effectiveProfile: () => {
        throw BrokerError.of('STATE_CONFLICT', 'The test did not expect this call.');
      },
    },
    freezing: { freeze: unexpected, thaw: unexpected },
    statuses: { get: unexpected, list: unexpected },
    access: {
      createWorkload: unexpected,
      listWorkloads: unexpected,
      deleteWorkload: unexpected,
      createAccessRule: unexpected,
      listAccessRules: unexpected,
      deleteAccessRule: unexpected,
    },
    fleet: {
      view: unexpected,
      declareLost: unexpected,
      admit: unexpected,
      freeze: unexpected,
      thaw: unexpected,
    },
    redirectUri: 'https://broker.test/callback',
    events: { seen, emit: (event) => void seen.push(event) },
    clock: SYSTEM_CLOCK,
  };
}

/** A policy of these workloads and rules. */
export function policyOf(workloads: Workload[], rules: AccessRule[] = []): () => AccessPolicy {
  const policy = new AccessPolicy(workloads, rules);
  return () => policy;
}

/** A server at `localhost` on a free port. */
export async function startServer(
  ca: TestCa,
  parts: GrpcServerParts,
  limits: Partial<GrpcLimits> = {},
): Promise<{ server: GrpcServer; address: string }> {
  const pair = await ca.issueServer();
  const server = createGrpcServer({ parts, tls: { ...pair, clientCa: ca.certificate }, limits });
  const address = `localhost:${await server.listen('localhost:0')}`;
  return { server, address };
}

/** Channel credentials of a client that trusts `ca`, with or without a certificate. */
export function channel(ca: TestCa, pair?: TestKeyPair): ChannelCredentials {
  return pair
    ? credentials.createSsl(
        Buffer.from(ca.certificate),
        Buffer.from(pair.privateKey),
        Buffer.from(pair.certificate),
      )
    : credentials.createSsl(Buffer.from(ca.certificate));
}

/** How a call failed. */
export interface Failure {
  readonly code: number;
  readonly message: string;
  readonly details: ErrorDetails | undefined;
}

type Method<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: { deadline?: number },
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** Calls a unary method of a generated client, and answers the response or the failure. */
export function call<Request, Response>(
  client: Client,
  method: Method<Request, Response>,
  request: Request,
  options: { deadline?: number } = {},
): Promise<{ response: Response } | { failure: Failure }> {
  return new Promise((resolve) => {
    method.call(client, request, new Metadata(), options, (error, response) => {
      if (!error) return resolve({ response });
      const { code, details: message, metadata } = error;
      resolve({ failure: { code, message, details: decodeErrorDetails(metadata) } });
    });
  });
}
