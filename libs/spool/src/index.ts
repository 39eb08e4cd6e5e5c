/** The replica's own durable journal of attempts and answers. */
export * from './directory-lock.js';
export * from './file-spool.js';
export * from './spool-identity.js';
