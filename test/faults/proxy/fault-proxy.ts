import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { lastingPort } from '../fleet/ports.js';
import { Relay, type RelayListener } from './relay.js';

/** What a proxy does to all of its connections. */
export type Mode =
  | 'pass'
  /** Nobody listens: new connections are refused; those that are open stay. */
  | 'refuse'
  /** Everything that is open falls silent, without a word of its end; new connections hear nothing either. */
  | 'silent'
  /** As `silent`, and the servers' sides have noticed: their connections have ended. */
  | 'silent_dropped';

/** How a silence ends: the network heals and what was held up arrives, or every connection is reset. */
export type Healing = 'resume' | 'reset';

/** A proxy between one replica and one server, on loopback, with faults on demand. */
export abstract class FaultProxy {
  protected readonly relays = new Set<Relay>();
  private server: Server | undefined;
  private listeningPort = 0;
  private mode: Mode = 'pass';

  /** @param serverPort where the server listens now */
  constructor(private readonly serverPort: () => number) {}

  /** Where the replica connects to; it stays the same. */
  get port(): number {
    return this.listeningPort;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.relays.size;
  }

  async listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) =>
      this.accept(socket),
    );
    if (this.listeningPort === 0) this.listeningPort = await lastingPort();
    server.listen(this.listeningPort, '127.0.0.1');
    await once(server, 'listening');
    this.server = server;
  }

  /** Begins a mode; answers how many open connections it touched. */
  begin(mode: Exclude<Mode, 'pass'>): number {
    this.mode = mode;
    if (mode === 'refuse') {
      this.server?.close();
      this.server = undefined;
      return this.relays.size;
    }
    for (const relay of this.relays) {
      if (mode === 'silent') relay.silence();
      else relay.dropServer();
    }
    return this.relays.size;
  }

  /** Everything passes again. */
  async lift(healing: Healing = 'reset'): Promise<void> {
    const { mode } = this;
    this.mode = 'pass';
    if (mode === 'refuse' && !this.server) await this.listen();
    if (mode !== 'silent' && mode !== 'silent_dropped') return;
    for (const relay of this.relays) {
      if (mode === 'silent' && healing === 'resume') relay.open();
      else relay.cut();
    }
  }

  /** Resets every open connection; answers how many. */
  cutAll(): number {
    const { size } = this.relays;
    for (const relay of this.relays) relay.cut();
    return size;
  }

  async close(): Promise<void> {
    this.server?.close();
    this.server = undefined;
    this.cutAll();
    await Promise.resolve();
  }

  /** Looks at one connection. @param port where it comes from */
  protected abstract listener(port: number): RelayListener;

  private accept(socket: Socket): void {
    const listener = this.listener(socket.remotePort ?? 0);
    const relay = new Relay(socket, this.serverPort, {
      ...listener,
      ended: (ended) => {
        this.relays.delete(ended);
        listener.ended(ended);
      },
    });
    this.relays.add(relay);
    if (this.mode === 'pass' || this.mode === 'refuse') relay.open();
  }
}
