import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeSync,
  chmodSync,
} from 'node:fs';

/**
 * An append-only file of JSON lines. Each append is one synchronous `write`: when it returns, the kernel
 * has the line, so `kill -9` of this process cannot lose it (a power cut could: there is no fsync here).
 */
export class JsonlFile {
  #fd: number | undefined;

  /** @param path the file; it is created, readable by the owner only, when missing. */
  constructor(readonly path: string) {}

  /** All lines so far. A last line that a killed process left half written is cut off. */
  read(): unknown[] {
    if (!existsSync(this.path)) return [];
    const text = readFileSync(this.path, 'utf8');
    const complete = text.slice(0, text.lastIndexOf('\n') + 1);
    if (complete.length !== text.length) truncateSync(this.path, Buffer.byteLength(complete));
    return complete
      .split('\n')
      .filter((line) => line !== '')
      .map((line, index) => this.#parse(line, index));
  }

  /** Replaces the whole content in one atomic step (compaction). */
  replace(rows: readonly unknown[]): void {
    this.close();
    const temporary = `${this.path}.tmp`;
    const fd = openSync(temporary, 'w', 0o600);
    writeAll(fd, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    closeSync(fd);
    renameSync(temporary, this.path);
  }

  append(row: unknown): void {
    this.#fd ??= this.#open();
    writeAll(this.#fd, `${JSON.stringify(row)}\n`);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #parse(line: string, index: number): unknown {
    try {
      return JSON.parse(line);
    } catch {
      throw new Error(`${this.path}: line ${index + 1} is not JSON`);
    }
  }

  #open(): number {
    const fd = openSync(this.path, 'a', 0o600);
    chmodSync(this.path, 0o600);
    return fd;
  }
}

/** `writeSync` may write less than asked for. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let offset = 0; offset < bytes.length;) offset += writeSync(fd, bytes, offset);
}
