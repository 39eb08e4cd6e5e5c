/** The only outbound OAuth of the project. */
export * from './create-oauth.js';
export { AllowedIssuers, isLoopback, objectionTo } from './allowed-url.js';
export { classifyAnswer } from './classify-answer.js';
export type { HttpCodeFlow } from './code-flow.js';
export { Profiles, profileNamed } from './profiles.js';
export type { HttpTokenEndpoint } from './token-endpoint.js';
