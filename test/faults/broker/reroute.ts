import net from 'node:net';

/**
 * Leads the connections of this process that are meant for one address to another one: the issuer is the same
 * for all replicas, and each has a proxy of its own on the way there.
 * @param rule `host:port=host:port`
 */
export function reroute(rule: string): void {
  const [from = '', to = ''] = rule.split('=');
  const [host = '', port = ''] = to.split(':');
  const connect = net.connect;
  // undici calls `net.connect(options)` at each connection, so that the exchange is what is rerouted.
  net.connect = ((...args: Parameters<typeof net.connect>) => {
    const [options, ...rest] = args as unknown as [{ host?: string; port?: number | string }, ...never[]];
    const meant = `${options?.host}:${options?.port}` === from;
    return connect(meant ? { ...options, host, port: Number(port) } : (options as never), ...rest);
  }) as typeof net.connect;
}
