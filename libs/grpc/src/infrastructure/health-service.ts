import {
  status,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Server,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { service, type ServingStatus } from 'grpc-health-check';
import { OpenStreams } from './open-streams.js';

interface Query {
  readonly service: string;
}
interface Verdict {
  readonly status: ServingStatus | 'SERVICE_UNKNOWN';
}
type Watcher = ServerWritableStream<Query, Verdict>;

/** Anybody may watch, so that the number of watchers has to end somewhere. */
const MOST_WATCHERS = 200;

/**
 * `grpc.health.v1.Health`: the one service that answers without a caller's identity, since load balancers
 * and Kubernetes ask it. All services serve together, or none does.
 */
export class HealthService {
  private serving = false;
  private readonly watchers = new Set<Watcher>();
  private readonly open = new OpenStreams(MOST_WATCHERS);
  private readonly names: ReadonlySet<string>;

  /** @param services full names; the empty name, for the server as a whole, is always known */
  constructor(services: readonly string[]) {
    this.names = new Set(['', ...services]);
  }

  /** Says from now on whether calls are welcome; watchers hear of a change at once. */
  setServing(serving: boolean): void {
    if (serving === this.serving) return;
    this.serving = serving;
    for (const watcher of this.watchers) watcher.write(this.verdict(watcher.request.service));
  }

  /** Ends the watches, so that they do not hold up the close of the server. */
  close(): void {
    this.setServing(false);
    this.open.endAll();
  }

  /** Registers the methods. */
  addTo(server: Pick<Server, 'addService'>): void {
    server.addService(service, { check: this.check, watch: this.watch, list: this.list });
  }

  private readonly check: handleUnaryCall<Query, Verdict> = (call, callback) => {
    if (this.names.has(call.request.service)) callback(null, this.verdict(call.request.service));
    else callback({ code: status.NOT_FOUND, details: 'There is no service of that name here.' });
  };

  private readonly watch: handleServerStreamingCall<Query, Verdict> = (call) => {
    if (!this.open.add(call)) return;
    const forget = (): void => void this.watchers.delete(call);
    for (const over of ['cancelled', 'close', 'error'] as const) call.once(over, forget);
    this.watchers.add(call);
    call.write(this.verdict(call.request.service));
  };

  private readonly list: handleUnaryCall<unknown, { statuses: Record<string, Verdict> }> = (
    _call,
    callback,
  ) => {
    callback(null, {
      statuses: Object.fromEntries([...this.names].map((name) => [name, this.verdict(name)])),
    });
  };

  private verdict(name: string): Verdict {
    if (!this.names.has(name)) return { status: 'SERVICE_UNKNOWN' };
    return { status: this.serving ? 'SERVING' : 'NOT_SERVING' };
  }
}
