/** The only SQL of the project: stores for the ports of `libs/core`, on TypeORM and pg. */
export * from './change-feed.js';
export { PostgresClientFigures } from './client-figures.js';
export * from './database.js';
export * from './fleet-clock.js';
export * from './installation.js';
export * from './migrate.js';
export * from './stats.js';
export * from './store-errors.js';
export { PostgresAccessStore } from './stores/access-store.js';
export { PostgresClientStore } from './stores/client-store.js';
export { PostgresConnectionStore } from './stores/connection-store.js';
export { PostgresDirectoryStore } from './stores/directory-store.js';
export { PostgresFleetStore } from './stores/fleet-store.js';
export { PostgresFreezeStore } from './stores/freeze-store.js';
export { PostgresRotationStore } from './stores/rotation-store.js';
export { PostgresTokenStore } from './stores/token-store.js';
