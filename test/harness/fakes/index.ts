/** Fakes of everything that `core` talks to, with scripted errors, and a world made of them. */
export * from './collected-events.js';
export * from './expected-refusal.js';
export * from './fake-authorization-server.js';
export * from './fake-clock.js';
export * from './fake-code-flow.js';
export * from './fake-connection-store.js';
export * from './fake-database.js';
export * from './fake-freeze-store.js';
export * from './fake-replica.js';
export * from './fake-rotation-store.js';
export * from './fake-sealer.js';
export * from './fake-token-endpoint.js';
export * from './fake-token-store.js';
export * from './fake-world.js';
export * from './samples.js';
export * from './timers.js';
