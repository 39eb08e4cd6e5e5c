import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import type { LedgerRecord } from '../../../apps/dev-as/src/index.js';

const READ_EVERY_MS = 50;

/** Follows the authorization server's ledger as it is written: who presented what, and which fault of its own hit. */
export class LedgerTail {
  readonly records: LedgerRecord[] = [];
  private readonly listeners = new Set<(record: LedgerRecord) => void>();
  private readonly timer: NodeJS.Timeout;
  private offset = 0;
  private rest = '';

  constructor(private readonly file: string) {
    this.timer = setInterval(() => this.read(), READ_EVERY_MS);
  }

  /** Is called with every record that comes from now on. */
  onRecord(listener: (record: LedgerRecord) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Reads what has been written since. */
  read(): void {
    if (!existsSync(this.file)) return;
    const fd = openSync(this.file, 'r');
    try {
      const chunk = Buffer.alloc(1 << 16);
      for (;;) {
        const bytes = readSync(fd, chunk, 0, chunk.length, this.offset);
        if (bytes === 0) return;
        this.offset += bytes;
        this.take(chunk.subarray(0, bytes).toString('latin1'));
      }
    } finally {
      closeSync(fd);
    }
  }

  close(): void {
    clearInterval(this.timer);
    this.read();
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') continue;
      const record = JSON.parse(line) as LedgerRecord;
      this.records.push(record);
      for (const listener of this.listeners) listener(record);
    }
  }
}
