import type { Metadata } from '@grpc/grpc-js';

/** What authenticators see of a call, whatever its kind. */
export interface IncomingCall {
  readonly metadata: Metadata;
}

/** One way to say who one is. */
export interface Authenticator {
  /** What a caller has to bring, for the message to those who bring nothing: `a client certificate`. */
  readonly credential: string;
  /**
   * The caller's identities (`spiffe://…`, `dns:…`, `cn:…`), the most specific one first; `undefined` where
   * the call has no credential of this kind, so that the next authenticator is asked.
   * @throws {BrokerError} `UNAUTHENTICATED` for a credential that is no good. It ends the chain: a caller
   *   does not get in with one credential after failing with another.
   */
  authenticate(call: IncomingCall): readonly string[] | undefined;
}
