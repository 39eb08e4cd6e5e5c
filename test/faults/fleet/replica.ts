import { connectBroker, type BrokerConnection } from '#libs/client';
import { Child, type ChildLine } from '../../../apps/dev/src/child.js';
import type { Arming } from '../broker/armed-failpoints.js';
import { machineMs } from '../broker/tell.js';
import { DatabaseProxy } from '../proxy/database-proxy.js';
import { ExchangeProxy } from '../proxy/exchange-proxy.js';
import type { FakeTime } from './fake-time.js';
import type { Journal } from './journal.js';
import type { SpoolDisk } from './spool-disk.js';

/** What a replica is started with. */
export interface ReplicaSettings {
  readonly name: string;
  readonly grpcPort: number;
  /** Its settings, as the broker is given them; the database's URL is added by the proxy. */
  readonly environment: Readonly<Record<string, string>>;
  readonly databaseUrl: (port: number) => string;
  readonly databasePort: () => number;
  readonly serverPort: () => number;
  readonly disk: SpoolDisk;
  readonly fakeTime?: FakeTime | undefined;
  readonly client: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
  readonly reader: { readonly certFile: string; readonly keyFile: string };
}

/** Two callers' connections to one life of a replica. */
export interface Callers {
  readonly admin: BrokerConnection;
  readonly reader: BrokerConnection;
}

/** Why a replica ended, where that was meant. */
type MeantEnd = 'killed' | 'terminated';

/** One replica of the campaign's fleet: a real process, behind its proxies, that comes back when it has ended. */
export class ReplicaUnderTest {
  readonly database: DatabaseProxy;
  readonly server: ExchangeProxy;
  private child: Child | undefined;
  private serving = false;
  private meant: MeantEnd | undefined;
  private stoppedSince: number | undefined;
  private readonly stops: { readonly from: number; readonly until: number }[] = [];
  private readonly reached = new Map<string, (fact: Record<string, unknown>) => void>();
  private readonly lineWatchers = new Set<(line: Record<string, unknown>) => void>();
  callers: Callers | undefined;
  /** Counts its lives. */
  boot = 0;

  constructor(
    readonly settings: ReplicaSettings,
    private readonly journal: Journal,
    private readonly log: (line: string) => void,
  ) {
    const { name } = settings;
    this.database = new DatabaseProxy(settings.databasePort);
    this.server = new ExchangeProxy(name, settings.serverPort, {
      came: (exchange) => journal.exchange(exchange),
      ended: (exchange) => journal.note('exchange', exchange),
    });
  }

  get name(): string {
    return this.settings.name;
  }

  get pid(): number {
    return this.child?.pid ?? -1;
  }

  /** Whether it runs and serves; a stopped one does. */
  get isServing(): boolean {
    return this.serving;
  }

  /** Whether it is stopped now. */
  get standsStill(): boolean {
    return this.stoppedSince !== undefined;
  }

  /** Whether it stood still at any moment of this time. */
  stoodStill(from: number, until: number): boolean {
    if (this.stoppedSince !== undefined && this.stoppedSince <= until) return true;
    return this.stops.some((stop) => stop.from <= until && stop.until >= from);
  }

  /** Opens its proxies. */
  async listen(): Promise<void> {
    await Promise.all([this.database.listen(), this.server.listen()]);
  }

  /**
   * Starts a life of it, and resolves when it serves.
   * @param killsItself whether one of the failpoints is to end it on the way
   * @returns `false` where it ended before
   */
  async start(armed: readonly Arming[] = [], killsItself = false): Promise<boolean> {
    const { settings } = this;
    if (this.child?.running) throw new Error(`${this.name} runs already.`);
    this.meant = killsItself ? 'killed' : undefined;
    this.boot += 1;
    const { boot } = this;
    const child = new Child({
      name: settings.name,
      entry: 'test/faults/broker-under-test.js',
      env: {
        ...settings.environment,
        ...settings.fakeTime?.environment,
        DATABASE_URL: settings.databaseUrl(this.database.port),
        FAULTS_REROUTE: `127.0.0.1:${settings.serverPort()}=127.0.0.1:${this.server.port}`,
        FAULTS_ARM: JSON.stringify(armed),
      },
      onLine: (line) => this.heard(line),
    });
    this.child = child;
    void child.exited.then(() => this.ended(child, boot));
    try {
      await child.waitFor(({ json }) => json?.['event'] === 'broker.started', 90_000);
    } catch {
      child.process.kill('SIGKILL');
      await child.exited;
      return false;
    }
    this.callers = this.connect();
    this.serving = true;
    this.journal.note('serving', { replica: this.name, boot });
    return true;
  }

  /** Arms a failpoint; resolves with what was told when an attempt came there. */
  arm(arming: Arming): { readonly hit: Promise<Record<string, unknown>>; disarm(): void } {
    const hit = new Promise<Record<string, unknown>>((resolve) => this.reached.set(arming.id, resolve));
    this.send({ arm: arming });
    return {
      hit,
      disarm: () => {
        this.reached.delete(arming.id);
        this.send({ disarm: arming.id });
      },
    };
  }

  /** As {@link arm}, for a failpoint that is given to {@link start}. */
  whenReached(id: string): Promise<Record<string, unknown>> {
    return new Promise((resolve) => this.reached.set(id, resolve));
  }

  /** Nobody waits for this failpoint any more. */
  forget(id: string): void {
    this.reached.delete(id);
    this.send({ disarm: id });
  }

  /** Is called with every line of its log. */
  watch(watcher: (line: Record<string, unknown>) => void): () => void {
    this.lineWatchers.add(watcher);
    return () => this.lineWatchers.delete(watcher);
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.meant = 'killed';
    this.child?.process.kill('SIGKILL');
    await this.child?.exited;
  }

  /** It may kill itself at a failpoint from now on: its end is meant; or it may not any more. */
  expectKill(expected: boolean): void {
    this.meant = expected ? 'killed' : undefined;
  }

  /** What ended its latest life: a signal, or a status. */
  get endedBy(): string {
    return this.child?.process.signalCode ?? `status ${this.child?.process.exitCode}`;
  }

  /** SIGTERM; SIGKILL where it takes longer than it may. Answers its exit status. */
  async terminate(): Promise<number> {
    this.meant = 'terminated';
    this.serving = false;
    return (await this.child?.stop(60_000)) ?? 0;
  }

  async exited(): Promise<void> {
    await this.child?.exited;
  }

  /** SIGSTOP; or it has stopped itself at a failpoint. */
  stop(itself = false): void {
    this.stoppedSince = machineMs();
    if (!itself) this.child?.process.kill('SIGSTOP');
  }

  /** SIGCONT. */
  continue(): void {
    this.child?.process.kill('SIGCONT');
    if (this.stoppedSince !== undefined) this.stops.push({ from: this.stoppedSince, until: machineMs() });
    this.stoppedSince = undefined;
  }

  async close(): Promise<void> {
    this.callers?.admin.close();
    this.callers?.reader.close();
    await Promise.all([this.database.close(), this.server.close()]);
    this.settings.disk.release();
  }

  private send(message: object): void {
    if (this.child?.process.connected) this.child.process.send(message, () => undefined);
  }

  private connect(): Callers {
    const { grpcPort, client, reader } = this.settings;
    this.callers?.admin.close();
    this.callers?.reader.close();
    const address = `localhost:${grpcPort}`;
    return {
      admin: connectBroker({ address, ...client }),
      reader: connectBroker({ address, caFile: client.caFile, ...reader }),
    };
  }

  private heard({ text, json }: ChildLine): void {
    this.log(text);
    if (!json) return;
    const event = String(json['event']);
    if (event === 'faults.requesting') this.requesting(json);
    if (event === 'faults.connected') {
      this.journal.sent(String(json['attemptId']), Number(json['port']), Number(json['machineMs']));
    }
    if (event === 'faults.reached') this.failpointReached(json);
    if (event === 'rotation.failed' && json['outcome'] === 'superseded') {
      this.journal.latecomer({
        at: machineMs(),
        replica: this.name,
        connection: String(json['connection']),
        generation: Number(json['generation']),
        durationMs: Number(json['durationMs']),
      });
    }
    if (event === 'fault' || json['outcome'] === 'fault') {
      const detail = JSON.stringify(json['error'] ?? json['err'] ?? json);
      this.journal.remark({
        what: 'broker_fault',
        replica: this.name,
        detail: `${typeof json['during'] === 'string' ? json['during'] : event}: ${detail}`,
      });
    }
    for (const watcher of this.lineWatchers) watcher(json);
  }

  private failpointReached(fact: Record<string, unknown>): void {
    const waiting = this.reached.get(String(fact['id']));
    if (waiting) waiting(fact);
    // Whoever armed it has given up waiting, and would leave the process stopped for ever.
    else if (fact['action'] === 'stop') this.child?.process.kill('SIGCONT');
  }

  private requesting(fact: Record<string, unknown>): void {
    this.journal.request({
      at: Number(fact['machineMs']),
      replica: this.name,
      connection: String(fact['connection']),
      attemptId: String(fact['attemptId']),
      generation: Number(fact['generation']),
      inDoubt: fact['inDoubt'] === true,
    });
  }

  private ended(child: Child, boot: number): void {
    const wasServing = this.serving;
    this.serving = false;
    this.callers?.admin.close();
    this.callers?.reader.close();
    this.callers = undefined;
    if (this.stoppedSince !== undefined) this.stops.push({ from: this.stoppedSince, until: machineMs() });
    this.stoppedSince = undefined;
    this.journal.note('ended', { replica: this.name, boot, meant: this.meant, code: child.process.exitCode });
    if (this.meant !== undefined) return;
    this.journal.remark({
      what: wasServing ? 'broker_exit' : 'start_failed',
      replica: this.name,
      detail: child.lastWords().slice(-1_000) || `exit status ${child.process.exitCode}`,
    });
  }
}
