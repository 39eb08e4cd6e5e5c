import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Room for the answers of all exchanges that can be under way, with their rewriting into a new segment. */
const RESERVE_BYTES = 4 * 1024 * 1024;

/**
 * Disk space that is set aside for answers: a disk that fills up between sending and the answer must not cost
 * the answer. While it cannot be set aside, nothing is sent.
 */
export class Reserve {
  private readonly file: string;

  constructor(
    dir: string,
    private readonly bytes = RESERVE_BYTES,
  ) {
    this.file = join(dir, 'reserve');
  }

  /** Makes sure that it is there, with all its blocks written. */
  async hold(): Promise<void> {
    if (await this.held()) return;
    const handle = await open(this.file, 'w', 0o600);
    try {
      // Zeros would be enough for most file systems; some compress them away.
      const block = Buffer.alloc(64 * 1024, 0xa5);
      for (let done = 0; done < this.bytes; done += block.length) await handle.write(block);
      await handle.sync();
    } catch (error) {
      await rm(this.file, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
  }

  /** Gives the space to whoever writes next. */
  async release(): Promise<void> {
    await rm(this.file, { force: true });
  }

  private async held(): Promise<boolean> {
    try {
      return (await stat(this.file)).size >= this.bytes;
    } catch {
      return false;
    }
  }
}
