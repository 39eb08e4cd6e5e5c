import { fingerprint } from '../../../apps/dev-as/src/index.js';
import { machineMs } from '../broker/tell.js';
import { FaultProxy } from './fault-proxy.js';
import type { Relay, RelayListener } from './relay.js';
import { wholeRequest } from './whole-request.js';

/** What can be done to one exchange of a refresh token. */
export const EXCHANGE_FAULTS = [
  /** The request vanishes on its way; the replica hears nothing. */
  'lose_request',
  /** The request vanishes, and the connection is reset. */
  'cut_request',
  /** The request arrives; its answer vanishes. */
  'lose_answer',
  /** The request arrives; the connection is reset when the answer comes. */
  'cut_answer',
  /** The answer comes after the deadline of the exchange. */
  'late_answer',
  /** The answer comes late, but in time. */
  'slow_answer',
  /** Half of the answer comes, then the connection is reset. */
  'truncate_answer',
] as const;

/** One of {@link EXCHANGE_FAULTS}. */
export type ExchangeFault = (typeof EXCHANGE_FAULTS)[number];

/** One exchange of a refresh token, as the proxy saw it; times by the machine's monotonic clock. */
export interface SeenExchange {
  readonly replica: string;
  /** Of the refresh token that was presented. */
  readonly fingerprint: string;
  /** The port that the request came from. */
  readonly port: number;
  readonly receivedAt: number;
  forwardedAt?: number;
  answeredAt?: number;
  /** When the replica closed its side, or the proxy for it. */
  endedAt?: number;
  fault?: ExchangeFault;
}

interface Armed {
  readonly fault: ExchangeFault;
  readonly delayMs: number;
  readonly hit: (exchange: SeenExchange) => void;
}

/** The proxy between a replica and the authorization server: it knows an exchange of a refresh token when it sees one. */
export class ExchangeProxy extends FaultProxy {
  private readonly armed = new Set<Armed>();

  /** @param watch is told of every exchange of a refresh token: when it comes, and when the replica is done with it */
  constructor(
    private readonly replica: string,
    serverPort: () => number,
    private readonly watch: {
      readonly came: (exchange: SeenExchange) => void;
      readonly ended: (exchange: SeenExchange) => void;
    },
  ) {
    super(serverPort);
  }

  /**
   * Does this to the next exchange.
   * @returns disarms it; the promise is the exchange that it hit
   */
  arm(fault: ExchangeFault, delayMs = 0): { readonly hit: Promise<SeenExchange>; disarm(): void } {
    let disarm = (): void => undefined;
    const hit = new Promise<SeenExchange>((resolve) => {
      const armed: Armed = { fault, delayMs, hit: resolve };
      this.armed.add(armed);
      disarm = () => void this.armed.delete(armed);
    });
    return { hit, disarm };
  }

  protected listener(port: number): RelayListener {
    const request: Buffer[] = [];
    let exchange: SeenExchange | undefined;
    let fault: Armed | undefined;
    let decided = false;
    return {
      fromClient: (chunk, relay) => {
        if (decided) return chunk;
        request.push(chunk);
        const whole = wholeRequest(Buffer.concat(request));
        if (!whole) return undefined;
        decided = true;
        const token = whole.refreshToken;
        if (token === undefined) return Buffer.concat(request);
        exchange = {
          replica: this.replica,
          fingerprint: fingerprint(token),
          port,
          receivedAt: machineMs(),
        };
        fault = this.take(exchange);
        this.watch.came(exchange);
        return forward(exchange, relay, Buffer.concat(request));
      },
      fromServer: (chunk, relay) => {
        if (!exchange) return chunk;
        exchange.answeredAt ??= machineMs();
        return fault ? answer(fault, chunk, relay) : chunk;
      },
      clientEnded: () => {
        if (!exchange) return;
        exchange.endedAt = machineMs();
        this.watch.ended(exchange);
      },
      ended: () => undefined,
    };
  }

  private take(exchange: SeenExchange): Armed | undefined {
    const [armed] = this.armed;
    if (!armed) return undefined;
    this.armed.delete(armed);
    exchange.fault = armed.fault;
    armed.hit(exchange);
    return armed;
  }
}

function forward(exchange: SeenExchange, relay: Relay, request: Buffer): Buffer | undefined {
  if (exchange.fault === 'cut_request') {
    relay.cut();
    return undefined;
  }
  if (exchange.fault === 'lose_request') return undefined;
  exchange.forwardedAt = machineMs();
  return request;
}

function answer({ fault, delayMs }: Armed, chunk: Buffer, relay: Relay): Buffer | undefined {
  // Whatever is done to an answer, the replica is not to learn from the server's end that there was one.
  relay.muteServer();
  switch (fault) {
    case 'cut_answer':
      relay.cut();
      return undefined;
    case 'truncate_answer':
      relay.client.write(chunk.subarray(0, Math.floor(chunk.length / 2)), () => relay.cut());
      return undefined;
    case 'late_answer':
    case 'slow_answer':
      setTimeout(() => {
        if (!relay.ended) relay.client.write(chunk);
      }, delayMs);
      return undefined;
    case 'lose_answer':
    case 'lose_request':
    case 'cut_request':
      return undefined;
  }
}
