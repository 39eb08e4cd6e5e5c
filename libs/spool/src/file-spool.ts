import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KnownDatabase, Spool, SpooledAnswer, SpooledAttempt, SpooledSending } from '#libs/core';
import { lockDirectory } from './directory-lock.js';
import { JournalFile, syncDirectory } from './journal-file.js';
import { KeptAttempts } from './kept-attempts.js';
import { decodeJournal, encodeRecord, type JournalRecord } from './record.js';
import { Reserve } from './reserve.js';
import { spoolIdentity } from './spool-identity.js';

/** For how long a settled record is kept: a database failover may have lost the commit. */
const KEEP_SETTLED_MS = 15 * 60_000;

/** A journal of this size is begun anew, with what is still needed. */
const SEGMENT_BYTES = 4 * 1024 * 1024;

/** What the spool keeps at the most; see {@link SpoolLimits}. */
const MOST_BYTES = 256 * 1024 * 1024;

/** How often what is known of the database is written down without an attempt. */
const KNOW_EVERY_MS = 10_000;

/** What bounds a spool. */
export interface SpoolLimits {
  /**
   * Settled records beyond this many bytes are forgotten before their time, the oldest first. What is not
   * settled is never forgotten: where that alone is more, nothing new is sent.
   */
  readonly mostBytes?: number;
  /** How much space is set aside for answers, in bytes. */
  readonly reserveBytes?: number;
}

/** How a segment is begun anew. */
interface Renewal {
  /** Whether what was settled long ago is left out. Not at a start: the replay comes first, however long it took. */
  readonly trims?: boolean;
  /** On a full disk: only what must not be lost, and the segments before it stay. */
  readonly unsettledOnly?: boolean;
}

/** The spool holds as much as it may of what is not settled yet. */
export class SpoolFullError extends Error {
  override readonly name = 'SpoolFullError';
}

/**
 * The spool in files: segments of checked lines, each append synced before it counts (steps 3 and 6). The
 * directory belongs to one process at a time and to one database for good.
 */
export class FileSpool implements Spool {
  private readonly kept = new KeptAttempts();
  private readonly reserve: Reserve;
  private readonly mostBytes: number;
  private segment: JournalFile | undefined;
  private sequence = 0;
  private carriedBytes = 0;
  private renewing: Promise<void> | undefined;
  private knownWrittenAt = 0;
  private problem: string | undefined;
  private closed = false;
  /** Lines that did not check out when it was opened. */
  damaged = 0;

  private constructor(
    private readonly dir: string,
    /** Names this spool in the attempts of its replica. */
    readonly id: string,
    private readonly unlock: () => void,
    limits: SpoolLimits,
  ) {
    this.reserve = new Reserve(dir, limits.reserveBytes);
    this.mostBytes = limits.mostBytes ?? MOST_BYTES;
  }

  /**
   * Opens a spool, or makes one. Where the disk is full, what is in it can be replayed all the same.
   * @param installationId the database's id: answers for one must never reach another
   * @throws {SpoolInUseError}, {ForeignSpoolError}, or the file system's error
   */
  static async open(dir: string, installationId: string, limits: SpoolLimits = {}): Promise<FileSpool> {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const unlock = lockDirectory(dir);
    try {
      const spool = new FileSpool(dir, spoolIdentity(dir, installationId), unlock, limits);
      spool.read();
      await spool.recover();
      return spool;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  get trouble(): string | undefined {
    return this.problem;
  }

  get known(): KnownDatabase {
    return this.kept.known;
  }

  /** How many attempts it holds, and about how many bytes they take. */
  get load(): { readonly attempts: number; readonly bytes: number } {
    return { attempts: this.kept.size, bytes: this.kept.bytes };
  }

  attempts(): SpooledAttempt[] {
    return this.kept.attempts();
  }

  know(database: KnownDatabase): void {
    this.kept.apply({ type: 'known', attemptId: '', at: Date.now(), database });
    const newTimeline = database.timeline > this.known.timeline;
    if (!newTimeline && Date.now() - this.knownWrittenAt < KNOW_EVERY_MS) return;
    this.knownWrittenAt = Date.now();
    void this.write({ type: 'known', attemptId: '', at: Date.now(), database: this.known }).catch(
      () => undefined,
    );
  }

  async recover(): Promise<void> {
    if (this.closed) return;
    try {
      // Whatever became of the files, all that counts is in memory: it goes to a new one.
      if (this.problem !== undefined || this.segment === undefined || this.segment.spoiled)
        await this.renew({ trims: this.segment !== undefined });
      await this.reserve.hold();
      this.problem = undefined;
    } catch (error) {
      this.problem = describe(error);
    }
  }

  async sent(sending: SpooledSending): Promise<void> {
    if (this.problem !== undefined) throw new Error(this.problem);
    if (this.kept.bytes > this.mostBytes) this.kept.trim(Date.now() - KEEP_SETTLED_MS, this.mostBytes);
    if (this.kept.bytes > this.mostBytes) {
      throw new SpoolFullError(
        `The spool holds ${this.kept.bytes} bytes of answers that the database has not taken yet.`,
      );
    }
    const record = this.record('sent', sending.attemptId, { sending });
    // Kept before it is written, so that a segment which is begun meanwhile has it, too.
    this.kept.apply(record);
    try {
      await this.write(record);
    } catch (error) {
      this.kept.forget(sending.attemptId);
      throw error;
    }
  }

  async unsent(attemptId: string): Promise<void> {
    if (!this.kept.get(attemptId)) return;
    const record = this.record('unsent', attemptId);
    this.kept.apply(record);
    await this.write(record).catch(() => undefined);
  }

  async answered(attemptId: string, answer: SpooledAnswer): Promise<void> {
    const record = this.record('answered', attemptId, { answer });
    this.kept.apply(record);
    try {
      await this.write(record);
    } catch {
      // The space that was set aside is for this: what is not settled is written anew, this answer with it.
      await this.reserve.release();
      await this.renew({ unsettledOnly: true });
    }
  }

  async settled(attemptId: string): Promise<void> {
    const kept = this.kept.get(attemptId);
    if (!kept || kept.settledAt !== undefined) return;
    const record = this.record('settled', attemptId);
    this.kept.apply(record);
    await this.write(record);
    // Twice what was carried over: the work of renewing stays in proportion to what was written.
    if (this.segment && this.segment.bytes > Math.max(SEGMENT_BYTES, 2 * this.carriedBytes))
      await this.renew();
  }

  /** Gives the directory back, for the next process. */
  async close(): Promise<void> {
    if (this.closed) return;
    await this.write({ type: 'known', attemptId: '', at: Date.now(), database: this.known }).catch(
      () => undefined,
    );
    this.closed = true;
    await this.renewing?.catch(() => undefined);
    await this.segment?.close();
    this.unlock();
  }

  private record(type: JournalRecord['type'], attemptId: string, fields: object = {}): JournalRecord {
    return { type, attemptId, at: Date.now(), ...fields };
  }

  private async write(record: JournalRecord): Promise<void> {
    if (this.closed) throw new Error('The spool is closed.');
    try {
      await this.renewing;
      if (!this.segment) throw new Error('The spool has no file to write to.');
      await this.segment.append(encodeRecord(record));
    } catch (error) {
      this.problem = describe(error);
      throw error;
    }
  }

  private read(): void {
    for (const name of this.segmentNames()) {
      this.sequence = Math.max(this.sequence, Number(name.slice(8, -4)));
      const { records, damaged } = decodeJournal(readFileSync(join(this.dir, name), 'utf8'));
      this.damaged += damaged;
      for (const record of records) this.kept.apply(record);
    }
  }

  /** Begins a new segment with what is still needed, and removes the ones before it. */
  private async renew(how: Renewal = {}): Promise<void> {
    this.renewing ??= this.renewNow(how).finally(() => (this.renewing = undefined));
    await this.renewing;
  }

  private async renewNow({ trims = true, unsettledOnly = false }: Renewal): Promise<void> {
    const before = this.segmentNames();
    if (trims) this.kept.trim(Date.now() - KEEP_SETTLED_MS, this.mostBytes);
    this.sequence += 1;
    const path = join(this.dir, `segment-${String(this.sequence).padStart(10, '0')}.log`);
    let next: JournalFile;
    try {
      next = await JournalFile.create(path, this.kept.lines(Date.now(), unsettledOnly));
    } catch (error) {
      // What is left of it would only take up space.
      await rm(path, { force: true }).catch(() => undefined);
      throw error;
    }
    this.carriedBytes = next.bytes;
    const last = this.segment;
    this.segment = next;
    await last?.close();
    // What was left out of the new one is still in those.
    if (!unsettledOnly) for (const name of before) rmSync(join(this.dir, name), { force: true });
    await syncDirectory(this.dir);
  }

  private segmentNames(): string[] {
    return readdirSync(this.dir)
      .filter((name) => /^segment-\d{10}\.log$/.test(name))
      .toSorted();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
