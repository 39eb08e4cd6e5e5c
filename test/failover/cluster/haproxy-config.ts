import type { NodeAddress } from './patroni-config.js';

/** Everything that HAProxy's configuration is made from. */
export interface ProxyConfig {
  readonly port: number;
  readonly adminSocket: string;
  readonly nodes: readonly NodeAddress[];
  /**
   * Whether connections to a node that stops being the primary are closed (`on-marked-down
   * shutdown-sessions`). Without it they stay, as behind a virtual address or a DNS name.
   */
  readonly shutdownSessions: boolean;
}

/**
 * HAProxy's configuration: one address that leads to whichever node says of itself that it is the primary
 * (Patroni's REST API, "Health check endpoints"). The timeouts for silence are longer than any exchange, since
 * each rotation holds an open transaction for the length of one; a dead node is found by the checks.
 */
export function haproxyConfig(config: ProxyConfig): string {
  const onDown = config.shutdownSessions ? ' on-marked-down shutdown-sessions' : '';
  return `global
  maxconn 1000
  stats socket ${config.adminSocket} mode 600 level admin

defaults
  mode tcp
  timeout connect 2s
  timeout client 30m
  timeout server 30m
  timeout check 1s
  option clitcpka
  option srvtcpka

listen primary
  bind 127.0.0.1:${config.port}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 1s fastinter 500ms downinter 500ms fall 2 rise 1${onDown}
${config.nodes.map(({ name, postgresPort, restPort }) => `  server ${name} 127.0.0.1:${postgresPort} check port ${restPort}`).join('\n')}
`;
}
