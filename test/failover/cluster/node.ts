import { join } from 'node:path';
import { processesBelow, signal, type RunningProcess } from '../processes.js';
import { Daemon } from './daemon.js';
import type { NodeAddress } from './patroni-config.js';
import type { Account } from './programs.js';

/** Where and as whom a node runs. */
export interface NodePlace {
  readonly dir: string;
  readonly patroni: string;
  readonly account: Account | undefined;
}

/** One node of the cluster: Patroni, and the PostgreSQL that Patroni starts. */
export class DatabaseNode {
  private daemon: Daemon | undefined;

  constructor(
    readonly address: NodeAddress,
    private readonly place: NodePlace,
  ) {}

  get name(): string {
    return this.address.name;
  }

  /** Starts Patroni, also after a kill; Patroni starts PostgreSQL, and rewinds it where it has to. */
  start(): void {
    const { dir, patroni, account } = this.place;
    this.daemon = new Daemon({
      name: `Patroni of ${this.name}`,
      program: patroni,
      args: [join(dir, 'patroni.yml')],
      cwd: dir,
      logFile: join(dir, 'patroni.log'),
      account,
    });
  }

  /** @throws where Patroni has ended by itself */
  assertRunning(): void {
    this.daemon?.assertRunning();
  }

  /** SIGKILL to Patroni, the postmaster and all of its processes: the machine is gone. */
  kill(): void {
    // Patroni first: it would start PostgreSQL again. Twice, for what was being forked.
    signal([...this.patroni(), ...this.postgres()], 'SIGKILL');
    signal(processesBelow(this.place.dir), 'SIGKILL');
  }

  /** SIGSTOP to everything: the node is silent. Its sockets stay open, and nobody is told. */
  freeze(): void {
    signal([...this.patroni(), ...this.postgres()], 'SIGSTOP');
    signal(processesBelow(this.place.dir), 'SIGSTOP');
  }

  /** SIGCONT to PostgreSQL, and to Patroni only where asked: without it nobody demotes the node. */
  thaw(what: 'postgres' | 'patroni'): void {
    signal(what === 'postgres' ? this.postgres() : this.patroni(), 'SIGCONT');
  }

  /** SIGSTOP to the processes that send WAL to the standbys: what is committed from now on stays here. */
  freezeWalSenders(): number {
    const senders = this.postgres().filter(({ title }) => title.includes('walsender'));
    signal(senders, 'SIGSTOP');
    return senders.length;
  }

  private postgres(): RunningProcess[] {
    // PostgreSQL's processes work in the data directory, Patroni in the node's.
    return processesBelow(join(this.place.dir, 'data'));
  }

  private patroni(): RunningProcess[] {
    const postgres = new Set(this.postgres().map(({ pid }) => pid));
    return processesBelow(this.place.dir).filter(({ pid }) => !postgres.has(pid));
  }
}
