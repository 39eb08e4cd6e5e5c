export { startDevAuthorizationServer } from './server.js';
export type { DevAuthorizationServer } from './server.js';
export type {
  ClientRegistration,
  DevAuthorizationServerOptions,
  GrantType,
  TlsOptions,
  TokenEndpointAuthMethod,
} from './options.js';
export { FAULT_KINDS, Faults } from './faults.js';
export type { ActiveFault, FaultKind, FaultRule } from './faults.js';
export { Ledger } from './ledger.js';
export { judgeLedger } from './judge.js';
export type { LedgerJudgement, Presentation, PresentedTwice, Repetition } from './judge.js';
export type * from './ledger-types.js';
export type { GrantFilter } from './control.js';
export { fingerprint } from './fingerprint.js';
export { CookieJar } from './cookie-jar.js';
export { connectAs } from './scripted-user.js';
export type { ScriptedUser, UserJourney } from './scripted-user.js';
