import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * An append-only file whose every append is on disk when it resolves. Appends that come while another is
 * being synced share the next sync (group commit).
 *
 * One failure spoils the file: after a failed fsync nobody knows which of its pages are on disk (Rebello et al.,
 * "Can Applications Recover from fsync Failures?", USENIX ATC 2020). Whoever has all records begins a new file.
 */
export class JournalFile {
  private waiting: Waiting[] = [];
  private writing: Promise<void> | undefined;
  private size: number;
  private broken = false;

  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    size: number,
  ) {
    this.size = size;
  }

  /** Creates the file, which must not exist, with its first lines. File and directory are synced. */
  static async create(path: string, lines: readonly string[]): Promise<JournalFile> {
    const handle = await open(path, 'ax', 0o600);
    try {
      const text = lines.join('');
      // writeFile, unlike write, goes on until all of it is written.
      await handle.writeFile(text);
      await handle.sync();
      await syncDirectory(dirname(path));
      return new JournalFile(path, handle, Buffer.byteLength(text));
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
  }

  /** How large it is, in bytes. */
  get bytes(): number {
    return this.size;
  }

  /** Whether an append has failed: nothing more is written to it. */
  get spoiled(): boolean {
    return this.broken;
  }

  /** Appends a line; resolves once it is on disk, rejects where it may not be. */
  append(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ line, resolve, reject });
      this.writing ??= this.run().finally(() => (this.writing = undefined));
    });
  }

  /** Waits for what is being written, and closes. */
  async close(): Promise<void> {
    await this.writing;
    await this.handle.close();
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        await this.write(batch.map(({ line }) => line).join(''));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        this.broken = true;
        for (const { reject } of batch) reject(error);
      }
    }
  }

  private async write(text: string): Promise<void> {
    if (this.broken) throw new Error('An earlier write to this file failed.');
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.handle.write(bytes, done);
      done += bytesWritten;
    }
    await this.handle.datasync();
    this.size += bytes.length;
  }
}

/** A new name in a directory is durable only once the directory is (fsync(2)). */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
