import type { Server } from '@grpc/grpc-js';
import type { HealthService } from './infrastructure/health-service.js';
import type { ReflectionService } from './infrastructure/reflection-service.js';
import { LONGEST_CALL_MS } from './limits.js';
import { ReloadableCredentials } from './tls/reloadable-credentials.js';
import type { TlsMaterial } from './tls/tls-material.js';

const DRAIN_EVERY_MS = 100;

/** The broker's inbound gRPC. */
export interface GrpcServer {
  /**
   * Listens at `host:port`; port 0 means any free one. Health says `NOT_SERVING` until
   * {@link GrpcServer.setServing}.
   * @returns the port
   * @throws {Error} where the address cannot be had
   */
  listen(address: string): Promise<number>;
  /** What health checks answer from now on; calls are taken in any case. */
  setServing(serving: boolean): void;
  /**
   * Uses new certificates from the next handshake on (promise P12). Where other authorities vouch for
   * callers now, present connections are asked to come again once their running calls are done.
   * @throws {Error} where the material cannot serve; the present one stays in use then
   */
  updateTls(tls: TlsMaterial): void;
  /**
   * Takes no new calls, lets the running ones finish, and cuts off what is left after `graceMs`. Answers
   * when the last connection is closed; a second call joins the first.
   */
  close(graceMs: number): Promise<void>;
}

/** A grpc-js server with what it lacks: certificates that change, and a close that ends. */
export class TlsGrpcServer implements GrpcServer {
  private readonly credentials: ReloadableCredentials;
  private readonly addresses: string[] = [];
  private closing: Promise<void> | undefined;

  constructor(
    private readonly server: Server,
    private tls: TlsMaterial,
    private readonly health: HealthService,
    private readonly reflection: ReflectionService,
  ) {
    this.credentials = new ReloadableCredentials(tls);
  }

  async listen(address: string): Promise<number> {
    const port = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync(address, this.credentials, (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    this.addresses.push(address.replace(/:0$/, `:${port}`));
    return port;
  }

  setServing(serving: boolean): void {
    if (this.closing === undefined) this.health.setServing(serving);
  }

  updateTls(tls: TlsMaterial): void {
    this.credentials.update(tls);
    const otherAuthorities = tls.clientCa !== this.tls.clientCa;
    this.tls = tls;
    if (otherAuthorities) this.drain(LONGEST_CALL_MS);
  }

  close(graceMs: number): Promise<void> {
    this.closing ??= this.closeOnce(graceMs);
    return this.closing;
  }

  private async closeOnce(graceMs: number): Promise<void> {
    this.health.close();
    this.reflection.close();
    const endsAt = performance.now() + graceMs;
    // `drain` is what cuts off at the end: `forceShutdown` of grpc-js forgets its sessions unless channelz
    // is on. It is repeated for connections that were still shaking hands.
    const drain = (): void => this.drain(Math.max(endsAt - performance.now(), 0));
    drain();
    const again = setInterval(drain, DRAIN_EVERY_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        this.server.tryShutdown((error) => (error ? reject(error) : resolve()));
      });
    } finally {
      clearInterval(again);
    }
  }

  /** Asks every connection to go, and destroys what is left after `graceMs`. */
  private drain(graceMs: number): void {
    for (const address of this.addresses) this.server.drain(address, graceMs);
  }
}
