import { connect, type Socket } from 'node:net';

/** Looks at what passes, and may keep it. Answers what goes on; `undefined`: nothing of it. */
export type Look = (chunk: Buffer, relay: Relay) => Buffer | undefined;

/** Who looks at what passes through a {@link Relay}. */
export interface RelayListener {
  readonly fromClient: Look;
  readonly fromServer: Look;
  /** The client has closed its side, or its connection has been cut. */
  clientEnded(): void;
  ended(relay: Relay): void;
}

/**
 * One connection through a proxy: two sockets and what passes between them. Silence is what a network does
 * that drops everything: neither side hears anything any more, not even that the other one is gone.
 */
export class Relay {
  private upstream: Socket | undefined;
  private silent = false;
  private muted = false;
  private over = false;
  private clientIsThere = true;

  constructor(
    readonly client: Socket,
    private readonly serverPort: () => number,
    private readonly listener: RelayListener,
  ) {
    client.on('data', (chunk) => this.pass(chunk, this.listener.fromClient, () => this.upstream));
    client.on('end', () => {
      this.clientEnded();
      this.upstream?.end();
      // Nobody will close the other side: the server is not heard any more.
      if (this.muted) this.cut();
    });
    client.on('error', () => this.cut());
    client.on('close', () => this.finish());
    client.pause();
  }

  /** Whether it has ended. */
  get ended(): boolean {
    return this.over;
  }

  /** Connects to the server, and lets everything pass. */
  open(): void {
    this.silent = false;
    const { client } = this;
    if (!this.upstream) {
      const upstream = connect({ host: '127.0.0.1', port: this.serverPort(), allowHalfOpen: true });
      this.upstream = upstream;
      upstream.setNoDelay(true);
      upstream.on('data', (chunk) => this.pass(chunk, this.listener.fromServer, () => client));
      upstream.on('end', () => {
        if (!this.muted) client.end();
      });
      upstream.on('error', () => {
        if (!this.muted) this.cut();
      });
      upstream.on('close', () => this.closedByServer());
    }
    client.resume();
    this.upstream.resume();
  }

  /** From now on nothing passes in either direction; no end is signalled. */
  silence(): void {
    this.silent = true;
    this.client.pause();
    this.upstream?.pause();
  }

  /** The client hears nothing of the server's end any more. */
  muteServer(): void {
    this.muted = true;
  }

  /** The server's side ends, as when its keepalive gave up; the client goes on hearing nothing. */
  dropServer(): void {
    this.silent = true;
    this.client.pause();
    this.upstream?.resetAndDestroy();
  }

  /** Both sides see a reset. */
  cut(): void {
    if (!this.client.destroyed) this.client.resetAndDestroy();
    if (this.upstream && !this.upstream.destroyed) this.upstream.resetAndDestroy();
    this.finish();
  }

  private pass(chunk: Buffer, look: Look, to: () => Socket | undefined): void {
    const passing = look(chunk, this);
    const target = to();
    if (passing === undefined || passing.length === 0 || !target || target.destroyed) return;
    const source = target === this.client ? this.upstream : this.client;
    if (target.write(passing) || !source) return;
    source.pause();
    target.once('drain', () => {
      if (!this.silent) source.resume();
    });
  }

  private closedByServer(): void {
    if (this.silent || this.muted) return;
    if (!this.client.writableEnded) this.client.destroy();
  }

  private clientEnded(): void {
    if (!this.clientIsThere) return;
    this.clientIsThere = false;
    this.listener.clientEnded();
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    this.clientEnded();
    if (!this.silent) this.upstream?.destroy();
    this.listener.ended(this);
  }
}
