/** What other programs install to call the broker. */
export * from './connect.js';
export * from './refusal.js';
