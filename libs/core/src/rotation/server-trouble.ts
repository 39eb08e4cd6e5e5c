import { PROBE_FORBIDDEN_CODE, type Failure } from './judge.js';

/** Nothing was written: the server, its name, its certificate or the registration is the matter. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'client_unusable',
  'connect_timeout',
  'connection_cut',
  'connection_refused',
  'discovery_failed',
  'host_not_found',
  'malformed_answer',
  'timeout',
  'tls_failure',
  'transport_failure',
  'unreachable',
  'url_not_allowed',
]);

/** The server turned the request down, and would turn down any other of this OAuth client. */
const REFUSED: ReadonlySet<string> = new Set([
  'endpoint_not_found',
  'invalid_client',
  'service_unavailable',
  'temporarily_unavailable',
  'too_many_requests',
  'unauthorized_client',
  'unsupported_grant_type',
]);

/** Answers that say nothing about the connection and much about what stands in front of it. */
const DOUBTFUL: ReadonlySet<string> = new Set(['malformed_answer', 'redirected', 'server_error']);

const HTTP_5XX = /^http_5\d\d$/;

/**
 * What the end of a rotation says about its authorization server and the registration as a whole: it works;
 * it does not; or nothing, since the matter was the broker's own (its database, its spool) or was over before
 * anything was tried.
 */
export type ServerVerdict = 'works' | 'in trouble' | 'unknown';

/** @param failure `undefined` for a token that was granted */
export function verdictOn(failure: Failure | undefined): ServerVerdict {
  if (failure === undefined || failure.kind === 'final') {
    return failure?.code === PROBE_FORBIDDEN_CODE ? 'unknown' : 'works';
  }
  const { kind, code } = failure;
  switch (kind) {
    case 'notSent':
      return NOT_SENT.has(code) ? 'in trouble' : 'unknown';
    case 'unanswered':
      return 'in trouble';
    case 'refused':
      return REFUSED.has(code) || HTTP_5XX.test(code) ? 'in trouble' : 'works';
    case 'doubtful':
      return DOUBTFUL.has(code) || HTTP_5XX.test(code) ? 'in trouble' : 'unknown';
  }
}
