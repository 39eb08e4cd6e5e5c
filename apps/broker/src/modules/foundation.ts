import type { Logger } from 'pino';
import type { EventSink, Failpoints, RotationStore, Sealer } from '#libs/core';
import type { Metrics } from '#libs/observability';
import type { Database, PostgresRotationStore } from '#libs/postgres';
import type { FileSpool } from '#libs/spool';
import type { BrokerConfig } from '../broker-config.js';

/**
 * Where the fault campaign (`test/faults`) gets in. The broker itself has none of them, and no setting leads
 * here: they are given by whoever composes it.
 */
export interface Seams {
  readonly failpoints?: Failpoints;
  /** Puts a store in the place of the real one. */
  readonly rotationStore?: (real: PostgresRotationStore, database: Database) => RotationStore;
}

/** What is there before the first module is made: it is checked first, so that a bad start damages nothing. */
export interface Foundation {
  readonly config: BrokerConfig;
  readonly logger: Logger;
  readonly events: EventSink;
  readonly metrics: Metrics;
  readonly sealer: Sealer;
  readonly database: Database;
  readonly spool: FileSpool;
  readonly seams?: Seams;
}

/** Injection tokens for what has no class of its own. */
export const CONFIG = Symbol('BrokerConfig');
export const EVENTS = Symbol('EventSink');
export const METRICS = Symbol('Metrics');
export const SEALER = Symbol('Sealer');
export const DATABASE = Symbol('Database');
export const LOGGER = Symbol('Logger');
export const GRPC_SERVER = Symbol('GrpcServer');
export const OAUTH = Symbol('OAuth');
export const PROFILES = Symbol('RotationProfiles');
export const SPOOL = Symbol('Spool');
export const GATES = Symbol('RotationGates');
export const RANDOM = Symbol('random');
export const FAILPOINTS = Symbol('Failpoints');
export const SEAMS = Symbol('Seams');
