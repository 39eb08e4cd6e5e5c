import type { OutcomeRecord } from '../../../apps/dev-as/src/index.js';
import type { SeenExchange } from '../proxy/exchange-proxy.js';
import type { CampaignRecords, MadeRequest, RowVersion } from './records.js';

/** How far two clocks may be apart that are compared: the ledger's is a wall clock, in whole milliseconds. */
const TOLERANCE_MS = 25;

/** One attempt, as the database knew it when it was committed. */
export interface KnownAttempt {
  readonly id: string;
  readonly connection: string;
  /** The replica's name. */
  readonly replica: string;
  readonly generation: number;
  readonly epoch: number;
  readonly claimedAt: number;
  /** Whether the connection was in doubt: then the attempt is its probe. */
  readonly inDoubt: boolean;
}

/** One presentation of a refresh token, with everything that is known of it. */
export interface KnownPresentation {
  readonly fingerprint: string;
  readonly grantId: string | undefined;
  readonly at: number;
  /** When the replica was about to write it; what the network held up was sent long before it arrived. */
  readonly sentAt: number;
  readonly known: boolean;
  readonly connection: string | undefined;
  readonly outcome: OutcomeRecord | undefined;
  readonly exchange: SeenExchange | undefined;
  readonly attempt: KnownAttempt | undefined;
}

/** A change of a row from one version to the next. */
export interface Change {
  readonly before: RowVersion | undefined;
  readonly after: RowVersion;
}

/** The records of a campaign, put together. */
export class History {
  readonly attempts = new Map<string, KnownAttempt>();
  /** When the replica was about to request, by attempt. */
  readonly requestedAt = new Map<string, number>();
  readonly changes: Change[] = [];
  /** By fingerprint, in the order of the ledger. */
  readonly presentations = new Map<string, KnownPresentation[]>();
  readonly presentationsOfChain = new Map<string, KnownPresentation[]>();
  readonly presentationOfAttempt = new Map<string, KnownPresentation>();
  /** Fingerprints of tokens that have a successor: they were spent, also where no outcome was written. */
  readonly spent = new Set<string>();
  /** When chains were ended for reuse, by grant. */
  readonly reuses = new Map<string, number>();
  private readonly connectionBySubject = new Map<string, string>();
  private readonly exchangesByToken = new Map<string, SeenExchange[]>();
  private readonly requestsByPort = new Map<string, MadeRequest[]>();
  private readonly exchangeOfAttempt = new Map<string, SeenExchange>();
  private readonly versions = new Map<string, RowVersion[]>();

  constructor(readonly records: CampaignRecords) {
    this.readRows();
    for (const exchange of records.exchanges) push(this.exchangesByToken, exchange.fingerprint, exchange);
    for (const request of records.requests) {
      this.requestedAt.set(request.attemptId, request.at);
      if (request.port !== undefined)
        push(this.requestsByPort, `${request.replica} ${request.port}`, request);
    }
    // Also of those that never arrived at the server.
    for (const exchange of records.exchanges) {
      const request = this.requestBehind(exchange);
      if (request) this.exchangeOfAttempt.set(request.attemptId, exchange);
    }
    this.readLedger();
  }

  /** The versions of a connection's row, oldest first. */
  versionsOf(connection: string): readonly RowVersion[] {
    return this.versions.get(connection) ?? [];
  }

  /** The exchange that an attempt made, where a proxy saw it. */
  exchangeOf(attemptId: string): SeenExchange | undefined {
    return this.exchangeOfAttempt.get(attemptId);
  }

  private readRows(): void {
    for (const after of this.records.rows) {
      const before = this.versions.get(after.connection)?.at(-1);
      push(this.versions, after.connection, after);
      this.connectionBySubject.set(
        after.connection.slice(after.connection.lastIndexOf('/') + 1),
        after.connection,
      );
      this.changes.push({ before, after });
      const { attemptId } = after;
      if (attemptId === undefined || this.attempts.has(attemptId)) continue;
      this.attempts.set(attemptId, {
        id: attemptId,
        connection: after.connection,
        replica: (after.attemptReplica ?? '').split('/')[0] ?? '',
        generation: after.generation,
        epoch: after.epoch,
        claimedAt: after.at,
        inDoubt: after.state === 'IN_DOUBT',
      });
    }
  }

  private readLedger(): void {
    const { ledger, wallToMachineMs } = this.records;
    const machine = (at: string): number => Date.parse(at) + wallToMachineMs;
    const issued = new Map<string, { readonly grantId: string; readonly sub: string }>();
    const outcomes = new Map<number, OutcomeRecord>();
    for (const record of ledger) {
      if (record.type === 'issued') {
        issued.set(record.fingerprint, { grantId: record.grant_id, sub: record.sub });
        if (record.predecessor !== null) this.spent.add(record.predecessor);
      } else if (record.type === 'outcome') {
        // The last one knows best: see judgeLedger.
        outcomes.set(record.presentation, record);
      } else if (record.type === 'chain_revoked' && record.reason === 'reuse') {
        if (!this.reuses.has(record.grant_id)) this.reuses.set(record.grant_id, machine(record.at));
      }
    }
    const used = new Set<SeenExchange>();
    for (const record of ledger) {
      if (record.type !== 'presented') continue;
      const { fingerprint, known } = record;
      const token = issued.get(fingerprint);
      const at = machine(record.at);
      const exchange = nearest(
        (this.exchangesByToken.get(fingerprint) ?? []).filter((seen) => !used.has(seen)),
        at,
      );
      if (exchange) used.add(exchange);
      const connection = token && this.connectionBySubject.get(token.sub);
      const request = exchange && this.requestBehind(exchange);
      const presentation: KnownPresentation = {
        fingerprint,
        grantId: token?.grantId,
        at,
        sentAt: request?.sentAt ?? at,
        known,
        connection,
        outcome: outcomes.get(record.presentation),
        exchange,
        attempt: request && this.attempts.get(request.attemptId),
      };
      push(this.presentations, fingerprint, presentation);
      if (token) push(this.presentationsOfChain, token.grantId, presentation);
      if (presentation.attempt) this.presentationOfAttempt.set(presentation.attempt.id, presentation);
    }
  }

  /** The request that came from the exchange's port; ports are used again, connections are not. */
  private requestBehind({ replica, port, receivedAt }: SeenExchange): MadeRequest | undefined {
    return this.requestsByPort
      .get(`${replica} ${port}`)
      ?.findLast(({ sentAt = Infinity }) => sentAt <= receivedAt + TOLERANCE_MS);
  }
}

/** The exchange that was forwarded when the server took it up: the same moment, by two clocks. */
function nearest(exchanges: readonly SeenExchange[], at: number): SeenExchange | undefined {
  let found: SeenExchange | undefined;
  const distance = ({ forwardedAt = Infinity }: SeenExchange): number => Math.abs(forwardedAt - at);
  for (const exchange of exchanges) {
    if ((exchange.forwardedAt ?? Infinity) > at + TOLERANCE_MS) continue;
    if (!found || distance(exchange) < distance(found)) found = exchange;
  }
  return found;
}

function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const there = map.get(key);
  if (there) there.push(value);
  else map.set(key, [value]);
}
