import { rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../eventually.js';
import { processesBelow, signal } from '../processes.js';
import { Daemon } from './daemon.js';
import { haproxyConfig } from './haproxy-config.js';
import { makeDirectory, writePrivate } from './owned-files.js';
import type { NodeAddress } from './patroni-config.js';
import type { Account } from './programs.js';

/** Where HAProxy runs. */
export interface ProxyPlace {
  readonly dir: string;
  readonly port: number;
  readonly program: string;
  readonly account: Account | undefined;
}

const START_WITHIN_MS = 30_000;

/** HAProxy in front of the nodes. */
export class Proxy {
  private daemon: Daemon | undefined;

  constructor(private readonly place: ProxyPlace) {}

  get port(): number {
    return this.place.port;
  }

  /** Starts it, anew where it runs, and waits until it knows which node is the primary. */
  async start(nodes: readonly NodeAddress[], shutdownSessions: boolean): Promise<void> {
    const { dir, port, program, account } = this.place;
    if (this.daemon) signal(processesBelow(dir), 'SIGKILL');
    makeDirectory(dir, account);
    rmSync(this.adminSocket, { force: true });
    const config = { port, adminSocket: this.adminSocket, nodes, shutdownSessions };
    writePrivate(join(dir, 'haproxy.cfg'), haproxyConfig(config), account);
    this.daemon = new Daemon({
      name: 'HAProxy',
      program,
      args: ['-db', '-f', join(dir, 'haproxy.cfg')],
      cwd: dir,
      logFile: join(dir, 'haproxy.log'),
      account,
    });
    // Before its first checks it takes every node for a primary.
    await eventually(
      'HAProxy to know the primary',
      () => this.knowsThePrimary(nodes.length),
      START_WITHIN_MS,
    );
  }

  /** A command at the admin socket ("Unix Socket commands" of HAProxy's management guide). */
  command(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.adminSocket);
      let answer = '';
      socket.on('data', (chunk) => (answer += String(chunk)));
      socket.once('error', reject);
      socket.once('end', () => resolve(answer.trim()));
      socket.write(`${command}\n`);
    });
  }

  private get adminSocket(): string {
    return join(this.place.dir, 'admin.sock');
  }

  private async knowsThePrimary(nodes: number): Promise<boolean> {
    this.daemon?.assertRunning();
    const table = await this.command('show stat').catch(() => '');
    // The columns of "show stat": 1 is the server's name, 17 its status ("UP 1/2" on its way down).
    const states = table
      .split('\n')
      .map((line) => line.split(','))
      .filter(([, name]) => name?.startsWith('node'))
      .map((columns) => columns[17] ?? '');
    const up = states.filter((state) => state.startsWith('UP')).length;
    return up === 1 && states.filter((state) => state === 'DOWN').length === nodes - 1;
  }
}
