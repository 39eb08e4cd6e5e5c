import type { KnownDatabase, SpooledAnswer, SpooledAttempt, SpooledSending } from '#libs/core';
import { encodeRecord, type JournalRecord } from './record.js';

interface Kept {
  sent: SpooledSending;
  unsent?: true;
  answer?: SpooledAnswer;
  settledAt?: number;
  bytes: number;
}

/** All that a spool holds, in memory: what its files say, in the order of sending. */
export class KeptAttempts {
  private readonly kept = new Map<string, Kept>();
  known: KnownDatabase = { attemptNumber: 0, timeline: 0, heartbeat: 0, thaws: 0 };
  /** About how many bytes it takes on disk. */
  bytes = 0;

  get size(): number {
    return this.kept.size;
  }

  get(attemptId: string): Readonly<Kept> | undefined {
    return this.kept.get(attemptId);
  }

  /** Takes a record in, fresh or read from a file. */
  apply(record: JournalRecord): void {
    const { type, attemptId, at } = record;
    if (type === 'known') {
      this.known = higher(this.known, record['database'] as KnownDatabase);
      return;
    }
    const bytes = encodeRecord(record).length;
    if (type === 'sent') {
      const sent = record['sending'] as SpooledSending;
      const before = this.kept.get(attemptId);
      this.kept.set(attemptId, { ...before, sent, bytes });
      this.bytes += bytes - (before?.bytes ?? 0);
      this.known = higher(this.known, { ...this.known, attemptNumber: sent.attemptNumber ?? 0 });
      return;
    }
    const kept = this.kept.get(attemptId);
    if (!kept) return;
    kept.bytes += bytes;
    this.bytes += bytes;
    if (type === 'unsent') kept.unsent = true;
    if (type === 'answered') kept.answer = record['answer'] as SpooledAnswer;
    if (type === 'settled') kept.settledAt = at;
  }

  forget(attemptId: string): void {
    this.bytes -= this.kept.get(attemptId)?.bytes ?? 0;
    this.kept.delete(attemptId);
  }

  /** Forgets what was settled before this time; and beyond that the oldest settled, until the rest fits. */
  trim(settledBefore: number, mostBytes: number): void {
    for (const [id, { settledAt }] of this.kept) {
      if (settledAt !== undefined && (settledAt < settledBefore || this.bytes > mostBytes)) this.forget(id);
    }
  }

  attempts(): SpooledAttempt[] {
    return [...this.kept.values()].map(({ sent, answer, settledAt, unsent }) => ({
      sent,
      settled: settledAt !== undefined,
      ...(answer ? { answer } : {}),
      ...(unsent ? { unsent } : {}),
    }));
  }

  /** All of it, or what is not settled, as the lines of a new segment. */
  lines(now: number, unsettledOnly = false): string[] {
    const kept = [...this.kept.values()].filter(({ settledAt }) => !unsettledOnly || settledAt === undefined);
    const lines = kept.flatMap(({ sent, answer, settledAt, unsent }) => {
      const { attemptId } = sent;
      const at = settledAt ?? now;
      return [
        encodeRecord({ type: 'sent', attemptId, at, sending: sent }),
        ...(unsent ? [encodeRecord({ type: 'unsent', attemptId, at })] : []),
        ...(answer ? [encodeRecord({ type: 'answered', attemptId, at, answer })] : []),
        ...(settledAt === undefined ? [] : [encodeRecord({ type: 'settled', attemptId, at })]),
      ];
    });
    return [encodeRecord({ type: 'known', attemptId: '', at: now, database: this.known }), ...lines];
  }
}

/** What is known never goes back, unless an operator has confirmed that the database did. */
function higher(a: KnownDatabase, b: KnownDatabase): KnownDatabase {
  if (b.thaws > a.thaws) return b;
  return {
    attemptNumber: Math.max(a.attemptNumber, b.attemptNumber),
    timeline: Math.max(a.timeline, b.timeline),
    heartbeat: Math.max(a.heartbeat, b.heartbeat),
    thaws: Math.max(a.thaws, b.thaws),
  };
}
