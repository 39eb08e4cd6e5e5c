import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Spool, SpooledAnswer, SpooledAttempt, SpooledSending } from '#libs/core';
import { lockDirectory } from './directory-lock.js';
import { JournalFile, syncDirectory } from './journal-file.js';
import { decodeJournal, encodeRecord, type JournalRecord } from './record.js';
import { spoolIdentity } from './spool-identity.js';

/** For how long a settled record is kept: a database failover may have lost the commit. */
const KEEP_SETTLED_MS = 15 * 60_000;

/** A journal of this size is begun anew, with what is still needed. */
const SEGMENT_BYTES = 4 * 1024 * 1024;

interface Kept {
  sent: SpooledSending;
  answer?: SpooledAnswer;
  settledAt?: number;
}

/**
 * The spool in files: segments of checked lines, each append synced before it counts (steps 3 and 6). The
 * directory belongs to one process at a time and to one database for good.
 */
export class FileSpool implements Spool {
  private readonly kept = new Map<string, Kept>();
  private segment: JournalFile | undefined;
  private sequence = 0;
  private carriedBytes = 0;
  private renewing: Promise<void> | undefined;

  private constructor(
    private readonly dir: string,
    /** Names this spool in the attempts of its replica. */
    readonly id: string,
    private readonly unlock: () => void,
  ) {}

  /**
   * Opens a spool, or makes one.
   * @param installationId the database's id: answers for one must never reach another
   * @throws {SpoolInUseError}, {ForeignSpoolError}, or the file system's error
   */
  static async open(dir: string, installationId: string): Promise<FileSpool> {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const unlock = lockDirectory(dir);
    try {
      const spool = new FileSpool(dir, spoolIdentity(dir, installationId), unlock);
      spool.read();
      await spool.renew();
      return spool;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /** Lines that did not check out when it was opened. */
  damaged = 0;

  attempts(): SpooledAttempt[] {
    return [...this.kept.values()].map(({ sent, answer, settledAt }) => ({
      sent,
      settled: settledAt !== undefined,
      ...(answer ? { answer } : {}),
    }));
  }

  async sent(sending: SpooledSending): Promise<void> {
    // Kept before it is written, so that a segment which is begun meanwhile has it, too.
    this.kept.set(sending.attemptId, { sent: sending });
    try {
      await this.append('sent', sending.attemptId, { sending });
    } catch (error) {
      this.kept.delete(sending.attemptId);
      throw error;
    }
  }

  async answered(attemptId: string, answer: SpooledAnswer): Promise<void> {
    const kept = this.kept.get(attemptId);
    if (kept) kept.answer = answer;
    await this.append('answered', attemptId, { answer });
  }

  async settled(attemptId: string): Promise<void> {
    const kept = this.kept.get(attemptId);
    if (!kept || kept.settledAt !== undefined) return;
    kept.settledAt = Date.now();
    await this.append('settled', attemptId, {});
    // Twice what was carried over: the work of renewing stays in proportion to what was written.
    if (this.segment && this.segment.bytes > Math.max(SEGMENT_BYTES, 2 * this.carriedBytes))
      await this.renew();
  }

  async close(): Promise<void> {
    await this.renewing;
    await this.segment?.close();
    this.unlock();
  }

  private async append(type: JournalRecord['type'], attemptId: string, fields: object): Promise<void> {
    await this.renewing;
    if (!this.segment) throw new Error('The spool is closed.');
    await this.segment.append(encodeRecord({ type, attemptId, at: Date.now(), ...fields }));
  }

  private read(): void {
    for (const name of this.segmentNames()) {
      this.sequence = Math.max(this.sequence, Number(name.slice(8, -4)));
      const { records, damaged } = decodeJournal(readFileSync(join(this.dir, name), 'utf8'));
      this.damaged += damaged;
      for (const record of records) this.apply(record);
    }
  }

  private apply(record: JournalRecord): void {
    const { type, attemptId, at } = record;
    const kept = this.kept.get(attemptId);
    if (type === 'sent') this.kept.set(attemptId, { ...kept, sent: record['sending'] as SpooledSending });
    if (type === 'answered' && kept) kept.answer = record['answer'] as SpooledAnswer;
    if (type === 'settled' && kept) kept.settledAt = at;
  }

  /** Begins a new segment with what is still needed, and removes the ones before it. */
  private async renew(): Promise<void> {
    this.renewing ??= this.renewNow().finally(() => (this.renewing = undefined));
    await this.renewing;
  }

  private async renewNow(): Promise<void> {
    const before = this.segmentNames();
    for (const [id, { settledAt }] of this.kept) {
      if (settledAt !== undefined && settledAt < Date.now() - KEEP_SETTLED_MS) this.kept.delete(id);
    }
    const lines = [...this.kept.values()].flatMap(({ sent, answer, settledAt }) => {
      const { attemptId } = sent;
      const at = settledAt ?? Date.now();
      return [
        encodeRecord({ type: 'sent', attemptId, at, sending: sent }),
        ...(answer ? [encodeRecord({ type: 'answered', attemptId, at, answer })] : []),
        ...(settledAt === undefined ? [] : [encodeRecord({ type: 'settled', attemptId, at })]),
      ];
    });
    this.sequence += 1;
    const path = join(this.dir, `segment-${String(this.sequence).padStart(10, '0')}.log`);
    const next = await JournalFile.create(path, lines);
    this.carriedBytes = next.bytes;
    const last = this.segment;
    this.segment = next;
    await last?.close();
    for (const name of before) rmSync(join(this.dir, name), { force: true });
    await syncDirectory(this.dir);
  }

  private segmentNames(): string[] {
    return readdirSync(this.dir)
      .filter((name) => /^segment-\d{10}\.log$/.test(name))
      .toSorted();
  }
}
