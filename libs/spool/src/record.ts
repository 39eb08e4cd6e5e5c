import { crc32 } from 'node:zlib';

/** One line of the journal, before it is encoded. */
export interface JournalRecord {
  readonly type: 'sent' | 'unsent' | 'answered' | 'settled' | 'known';
  /** Empty for `known`, which is about the database. */
  readonly attemptId: string;
  /** When it was written, in milliseconds since the epoch by this machine's clock. */
  readonly at: number;
  readonly [field: string]: unknown;
}

/**
 * A record as a line: the CRC-32 of the JSON in eight hexadecimal digits, a space, the JSON. JSON has no
 * raw line ends, so that a line is a record, and a torn write is one line that does not check out.
 */
export function encodeRecord(record: JournalRecord): string {
  const json = JSON.stringify(record);
  return `${checksum(json)} ${json}\n`;
}

/** What a journal file holds. */
export interface DecodedJournal {
  readonly records: readonly JournalRecord[];
  /** Lines that do not check out, the torn one at the end not counted. */
  readonly damaged: number;
}

/** Reads a journal file. A torn last line is what a crash leaves behind: it was never acknowledged. */
export function decodeJournal(text: string): DecodedJournal {
  const lines = text.split('\n');
  const torn = lines.pop() ?? '';
  const records: JournalRecord[] = [];
  let damaged = 0;
  for (const line of lines) {
    const record = decodeLine(line);
    if (record) records.push(record);
    else damaged += 1;
  }
  const last = torn === '' ? undefined : decodeLine(torn);
  if (last) records.push(last);
  return { records, damaged };
}

function decodeLine(line: string): JournalRecord | undefined {
  const json = line.slice(9);
  if (line[8] !== ' ' || line.slice(0, 8) !== checksum(json)) return undefined;
  try {
    return JSON.parse(json) as JournalRecord;
  } catch {
    return undefined;
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
