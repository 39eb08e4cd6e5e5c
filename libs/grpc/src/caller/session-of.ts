import type { ServerHttp2Session } from 'node:http2';
import type { IncomingCall } from './authenticator.js';

/** The part of grpc-js's calls that has no public way in. */
interface CallInside {
  readonly nextCall?: CallInside;
  readonly stream?: { readonly session?: ServerHttp2Session };
}

/**
 * The HTTP/2 session that a call came in on. grpc-js hands out the peer's certificate only by parsing it
 * anew at every call, which costs more than the rest of the call; the session is what the outcome can be
 * remembered by. It is found inside the call object, so that an unexpected version of grpc-js fails here,
 * loudly and before anybody is let in.
 * @returns `undefined` where the connection is gone already
 */
export function sessionOf(call: IncomingCall): ServerHttp2Session | undefined {
  let inside = (call as unknown as { readonly call?: CallInside }).call;
  while (inside?.nextCall !== undefined) inside = inside.nextCall;
  if (inside?.stream === undefined)
    throw new Error('This version of grpc-js keeps the HTTP/2 stream elsewhere.');
  return inside.stream.session;
}
