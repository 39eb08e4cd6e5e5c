/** Encryption at rest: JWE through jose, and the ring of keys that it uses. */
export * from './jwe-sealer.js';
export * from './key-ring.js';
export * from './key-sources.js';
