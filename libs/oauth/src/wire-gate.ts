import type { Socket } from 'node:net';
import { buildConnector } from 'undici';

/**
 * Stands between an HTTP client and the wire, so that "not a byte of the request was written" is a fact and
 * not a guess from error codes. It lets one socket through, once, and only as long as writing is allowed.
 */
export class WireGate {
  private handedOver = false;
  private written = false;
  private shutBecause: string | undefined;

  /** @param mayWrite is asked synchronously before the first byte; afterwards nothing is asked any more */
  constructor(private readonly mayWrite: () => boolean) {}

  /** Why the gate let nothing through: `too_late`; `undefined` where it was not the gate. */
  get refusal(): string | undefined {
    return this.written ? undefined : this.shutBecause;
  }

  /** Lets nothing through from now on, and answers whether anything was let through before. */
  shut(because = 'over'): boolean {
    this.shutBecause ??= because;
    return this.written;
  }

  /** A connector for undici whose sockets pass through this gate. */
  connector(options: buildConnector.BuildOptions): buildConnector.connector {
    const connect = buildConnector(options);
    return (target, callback) => {
      if (this.handedOver || this.shutBecause !== undefined) {
        callback(new Error('one request, one connection'), null);
        return;
      }
      connect(target, (...connected) => {
        const [, socket] = connected;
        // On failure undici leaves the socket out, whatever the type says.
        if (!socket) return callback(...connected);
        this.handedOver = true;
        this.watch(socket);
        callback(null, socket);
      });
    };
  }

  private watch(socket: Socket): void {
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    const guarded = (...args: unknown[]): boolean => {
      if (!this.open()) {
        socket.destroy(new Error('nothing may be sent any more'));
        return false;
      }
      return write(...args);
    };
    socket.write = guarded;
  }

  private open(): boolean {
    if (this.written) return true;
    if (this.shutBecause === undefined && !this.mayWrite()) this.shutBecause = 'too_late';
    this.written = this.shutBecause === undefined;
    return this.written;
  }
}
