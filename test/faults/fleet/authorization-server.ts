import { join } from 'node:path';
import { Child } from '../../../apps/dev/src/child.js';
import type { FaultRule } from '../../../apps/dev-as/src/index.js';

/** What the authorization server of a campaign is started with. */
export interface AuthorizationServerSettings {
  readonly port: number;
  readonly dataDir: string;
  readonly controlToken: string;
  readonly clients: readonly object[];
  readonly users: readonly string[];
  readonly log: (line: string) => void;
}

/** The development authorization server as a process of its own: with its ledger in a file, and its own faults. */
export class AuthorizationServer {
  private child: Child | undefined;
  private ending = false;

  constructor(
    private readonly settings: AuthorizationServerSettings,
    private readonly endedByItself: (words: string) => void,
  ) {}

  get port(): number {
    return this.settings.port;
  }

  get issuer(): string {
    return `http://127.0.0.1:${this.settings.port}/indicium`;
  }

  get ledgerFile(): string {
    return join(this.settings.dataDir, 'ledger.jsonl');
  }

  async start(): Promise<void> {
    const { port, dataDir, controlToken, clients, users, log } = this.settings;
    this.ending = false;
    const child = new Child({
      name: 'the authorization server',
      entry: 'apps/dev-as/src/main.js',
      env: {
        DEV_AS_PORT: String(port),
        DEV_AS_DATA_DIR: dataDir,
        DEV_AS_CONTROL_TOKEN: controlToken,
        DEV_AS_CLIENTS: JSON.stringify(clients),
        DEV_AS_USERS: users.join(','),
      },
      onLine: ({ text }) => log(text),
    });
    this.child = child;
    void child.exited.then(() => {
      if (!this.ending) this.endedByItself(child.lastWords());
    });
    await child.waitFor(({ json }) => json?.['event'] === 'dev-as.listening');
  }

  /** SIGKILL. What it has written down stays. */
  async kill(): Promise<void> {
    this.ending = true;
    this.child?.process.kill('SIGKILL');
    await this.child?.exited;
  }

  async stop(): Promise<void> {
    this.ending = true;
    await this.child?.stop(5_000);
  }

  /** Puts one of its own faults in force. */
  async addFault(rule: FaultRule): Promise<void> {
    await this.control('POST', 'faults', rule);
  }

  /** Ends all of its own faults. */
  async clearFaults(): Promise<void> {
    await this.control('DELETE', 'faults');
  }

  private async control(method: string, path: string, body?: object): Promise<void> {
    const response = await fetch(`${this.issuer}/dev/${path}`, {
      method,
      headers: { authorization: `Bearer ${this.settings.controlToken}` },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  }
}
