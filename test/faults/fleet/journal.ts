import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { machineMs } from '../broker/tell.js';
import type { SeenExchange } from '../proxy/exchange-proxy.js';
import type { FaultHit, Latecomer, MadeRequest, MissedRead, Remark } from '../verdict/records.js';

/** All that the runner itself sees, in memory for the verdict and in a file for people. */
export class Journal {
  readonly requests: MadeRequest[] = [];
  readonly latecomers: Latecomer[] = [];
  readonly exchanges: SeenExchange[] = [];
  readonly faults: FaultHit[] = [];
  readonly remarks: Remark[] = [];
  readonly missedReads: MissedRead[] = [];
  private readonly file: WriteStream;
  private nextFault = 1;
  private readonly requestOf = new Map<string, MadeRequest>();
  private readonly exchangeListeners = new Set<() => void>();

  constructor(dir: string) {
    this.file = createWriteStream(join(dir, 'journal.jsonl'), { mode: 0o600 });
  }

  /** One line for people: what happened, and when. */
  note(what: string, facts: object = {}): void {
    if (this.file.writableEnded) return;
    this.file.write(`${JSON.stringify({ at: Math.round(machineMs() * 10) / 10, what, ...facts })}\n`);
  }

  request(request: MadeRequest): void {
    this.requests.push(request);
    this.requestOf.set(request.attemptId, request);
    this.note('requesting', request);
  }

  /** The request of an attempt is about to be written. */
  sent(attemptId: string, port: number, at: number): void {
    const request = this.requestOf.get(attemptId);
    if (!request) return;
    request.sentAt = at;
    request.port = port;
    this.note('sending', { at, replica: request.replica, attemptId, port });
  }

  latecomer(latecomer: Latecomer): void {
    this.latecomers.push(latecomer);
    this.note('latecomer', latecomer);
  }

  exchange(exchange: SeenExchange): void {
    this.exchanges.push(exchange);
    for (const listener of this.exchangeListeners) listener();
  }

  /** Is called at every exchange of a refresh token. */
  onExchange(listener: () => void): () => void {
    this.exchangeListeners.add(listener);
    return () => this.exchangeListeners.delete(listener);
  }

  /** A fault has hit. `until` may lie ahead: for as long it can do harm. */
  hit(fault: Omit<FaultHit, 'id'>): void {
    const hit = { id: this.nextFault, ...fault };
    this.nextFault += 1;
    this.faults.push(hit);
    this.note('fault', hit);
  }

  remark(remark: Omit<Remark, 'at'>): void {
    const made = { at: machineMs(), ...remark };
    this.remarks.push(made);
    this.note('remark', made);
  }

  missedRead(read: MissedRead): void {
    this.missedReads.push(read);
    this.note('missed read', read);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.file.end(resolve));
  }
}
