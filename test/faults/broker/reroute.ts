import net, { type Socket } from 'node:net';

/**
 * Leads the connections of this process that are meant for one address to another one: the issuer is the same
 * for all replicas, and each has a proxy of its own on the way there.
 * @param rule `host:port=host:port`
 * @param opening is called for each of them, and what it answers when the connection stands
 */
export function reroute(rule: string, opening: () => (socket: Socket) => void): void {
  const [from = '', to = ''] = rule.split('=');
  const [host = '', port = ''] = to.split(':');
  const connect = net.connect;
  // undici calls `net.connect(options)` at each connection, so that the exchange is what is rerouted.
  net.connect = ((...args: Parameters<typeof net.connect>) => {
    const [options, ...rest] = args as unknown as [{ host?: string; port?: number | string }, ...never[]];
    if (`${options?.host}:${options?.port}` !== from) return connect(options as never, ...rest);
    const opened = opening();
    const socket = connect({ ...options, host, port: Number(port) } as never, ...rest);
    // First of all listeners: nothing of the request has been written then.
    socket.prependOnceListener('connect', () => opened(socket));
    return socket;
  }) as typeof net.connect;
}
