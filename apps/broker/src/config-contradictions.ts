import { isLoopback } from '#libs/oauth';
import type { BrokerConfig } from './broker-config.js';

/** Settings that are fine one by one and not together; a sentence for each. */
export function contradictions(config: BrokerConfig): string[] {
  const { grpc, web, sealing } = config;
  const found: string[] = [];
  const check = (ok: boolean, mistake: string): void => {
    if (!ok) found.push(mistake);
  };
  const publicUrl = new URL(web.publicUrl);
  check(
    (web.certFile === undefined) === (web.keyFile === undefined),
    'TOKEN_BROKER_WEB_CERT_FILE and TOKEN_BROKER_WEB_KEY_FILE go together: give both or none.',
  );
  check(
    web.certFile !== undefined || isLoopback(web.host),
    `TOKEN_BROKER_WEB_ADDRESS ${web.host} is not a loopback address, and the broker does not listen in the clear beyond loopback: give TOKEN_BROKER_WEB_CERT_FILE and TOKEN_BROKER_WEB_KEY_FILE.`,
  );
  check(
    publicUrl.protocol === 'https:' || isLoopback(publicUrl.hostname),
    'TOKEN_BROKER_PUBLIC_URL has to be https: authorization codes come back through it.',
  );
  check(
    (sealing.keyFile === undefined) !== (sealing.keys === undefined),
    'Give the sealing keys by exactly one of TOKEN_BROKER_SEALING_KEY_FILE and TOKEN_BROKER_SEALING_KEYS.',
  );
  check(
    grpc.port !== web.port || grpc.host !== web.host || grpc.port === 0,
    'TOKEN_BROKER_GRPC_ADDRESS and TOKEN_BROKER_WEB_ADDRESS are the same.',
  );
  check(grpc.port < 65_536 && web.port < 65_536, 'A port is at most 65535.');
  check(
    config.attemptDeadlineMs >= config.exchangeTimeoutMs + 1_000,
    'TOKEN_BROKER_ATTEMPT_DEADLINE_SECONDS has to be at least a second longer than TOKEN_BROKER_EXCHANGE_TIMEOUT_SECONDS: an attempt must not be taken over while its exchange may still be under way.',
  );
  check(
    config.administrators.every((identity) => /^(spiffe:\/\/|dns:|cn:)./.test(identity)),
    'TOKEN_BROKER_ADMINISTRATORS is a comma-separated list of spiffe://…, dns:… and cn:… identities.',
  );
  return found;
}
