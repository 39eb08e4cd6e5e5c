import { fingerprint } from './fingerprint.js';
import { judgeLedger } from './judge.js';
import type { LedgerJudgement } from './judge.js';
import type { JsonlFile } from './jsonl-file.js';
import type { ChainRevokedRecord, LedgerRecord, OutcomeRecord } from './ledger-types.js';

/** What is known when a refresh token is issued. */
export interface IssuedToken {
  refreshToken: string;
  clientId: string;
  grantId: string;
  sub: string;
  predecessor: string | undefined;
  rotations: number;
}

/**
 * The book of every refresh token ever issued and every time one was presented. It is the judge of "no
 * refresh token is presented twice", so it is written at the HTTP level, before and beside the
 * authorization server's own logic, and it survives restarts when it has a file.
 */
export class Ledger {
  readonly #records: LedgerRecord[] = [];
  readonly #issued = new Set<string>();
  readonly #revoked = new Set<string>();
  readonly #file: JsonlFile | undefined;
  readonly #listener: ((record: LedgerRecord) => void) | undefined;
  #presentations = 0;

  constructor(file?: JsonlFile, listener?: (record: LedgerRecord) => void) {
    this.#file = file;
    this.#listener = listener;
    for (const row of file?.read() ?? []) this.#remember(row as LedgerRecord);
  }

  /** All records, oldest first. */
  get entries(): readonly LedgerRecord[] {
    return this.#records;
  }

  /** The verdict over everything recorded so far. */
  judge(): LedgerJudgement {
    return judgeLedger(this.#records);
  }

  /** Records a newly issued refresh token. */
  issued(token: IssuedToken): void {
    this.#write({
      type: 'issued',
      at: now(),
      fingerprint: fingerprint(token.refreshToken),
      client_id: token.clientId,
      grant_id: token.grantId,
      sub: token.sub,
      predecessor: token.predecessor === undefined ? null : fingerprint(token.predecessor),
      rotations: token.rotations,
    });
  }

  /** Records that a refresh token reached the token endpoint, and answers the presentation's number. */
  presented(refreshToken: string, clientId: string | undefined): number {
    const print = fingerprint(refreshToken);
    const presentation = this.#presentations + 1;
    this.#write({
      type: 'presented',
      at: now(),
      presentation,
      fingerprint: print,
      client_id: clientId ?? null,
      known: this.#issued.has(print),
    });
    return presentation;
  }

  /** Records what became of a presentation. */
  outcome(outcome: Omit<OutcomeRecord, 'type' | 'at'>): void {
    this.#write({ type: 'outcome', at: now(), ...outcome });
  }

  /** Records the end of a chain; only the first reason counts. */
  chainRevoked(grantId: string, reason: ChainRevokedRecord['reason']): void {
    if (this.#revoked.has(grantId)) return;
    this.#write({ type: 'chain_revoked', at: now(), grant_id: grantId, reason });
  }

  close(): void {
    this.#file?.close();
  }

  #write(record: LedgerRecord): void {
    this.#file?.append(record);
    this.#remember(record);
    this.#listener?.(record);
  }

  #remember(record: LedgerRecord): void {
    this.#records.push(record);
    if (record.type === 'issued') this.#issued.add(record.fingerprint);
    if (record.type === 'presented') this.#presentations = Math.max(this.#presentations, record.presentation);
    if (record.type === 'chain_revoked') this.#revoked.add(record.grant_id);
  }
}

function now(): string {
  return new Date().toISOString();
}
