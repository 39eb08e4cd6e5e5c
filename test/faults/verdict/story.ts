import type { LedgerRecord, OutcomeRecord } from '../../../apps/dev-as/src/index.js';
import type { SeenExchange } from '../proxy/exchange-proxy.js';
import type {
  CampaignRecords,
  ConnectionEnd,
  FaultHit,
  Latecomer,
  MadeRequest,
  MissedRead,
  Remark,
  RowVersion,
} from './records.js';

/** The one connection of a made-up campaign. */
export const CONNECTION = 'clients/early/connections/u001';

/** How one presentation went. */
export interface Told {
  readonly replica?: string;
  /** Of the refresh token; `token 1` and so on. */
  readonly token: string;
  readonly generation?: number;
  readonly inDoubt?: boolean;
  /** Absent: it never arrived. */
  readonly outcome?: Pick<OutcomeRecord, 'result' | 'status'> &
    Pick<Partial<OutcomeRecord>, 'error' | 'fault'>;
  /** For how long the replica waited for it. */
  readonly lastsMs?: number;
  /** The attempt's replica as the database had it; absent: no attempt was committed. */
  readonly committed?: boolean;
  /** The network keeps it, see {@link Story.heldArrives}. */
  readonly held?: boolean;
}

/** Makes up the records of a campaign, step by step: each step is a tenth of a second after the one before. */
export class Story {
  private now = 1_000;
  private presentation = 0;
  private attempts = 0;
  private epoch = 1;
  private generation = 1;
  private state = 'ACTIVE';
  private onItsWay: { readonly replica: string; readonly token: string; readonly port: number } | undefined;
  private readonly ledger: LedgerRecord[] = [];
  private readonly rows: RowVersion[] = [];
  private readonly requests: MadeRequest[] = [];
  private readonly exchanges: SeenExchange[] = [];
  private readonly faults: FaultHit[] = [];
  readonly latecomers: Latecomer[] = [];
  readonly remarks: Remark[] = [];
  readonly missedReads: MissedRead[] = [];
  readonly ends: ConnectionEnd[] = [];
  lastAttempt = '';

  constructor() {
    this.issued('token 1', 'chain 1');
    this.row({});
  }

  get records(): CampaignRecords {
    const { ledger, rows, requests, exchanges, faults, remarks, missedReads, ends } = this;
    const { latecomers } = this;
    return {
      ledger,
      rows,
      requests,
      latecomers,
      exchanges,
      faults,
      remarks,
      missedReads,
      ends,
      wallToMachineMs: 0,
    };
  }

  /** The time of the story. */
  get at(): number {
    return this.now;
  }

  issued(fingerprint: string, grantId = 'chain 1', predecessor: string | null = null): this {
    this.ledger.push({
      type: 'issued',
      at: this.tick(),
      fingerprint,
      client_id: 'faults',
      grant_id: grantId,
      sub: 'u001',
      predecessor,
      rotations: 0,
    });
    return this;
  }

  /** An attempt claims the row, requests, and is seen by the proxy and by the server. */
  presents(told: Told): this {
    const {
      replica = 'broker-1',
      token,
      inDoubt = false,
      outcome,
      lastsMs = 20,
      committed = true,
      held = false,
    } = told;
    const { generation = this.generation } = told;
    this.attempts += 1;
    const attemptId = `attempt ${this.attempts}`;
    this.lastAttempt = attemptId;
    if (committed) this.row({ attemptId, attemptReplica: `${replica}/spool` });
    this.tick();
    const port = 40_000 + this.attempts;
    this.requests.push({
      at: this.now,
      sentAt: this.now,
      port,
      replica,
      connection: CONNECTION,
      attemptId,
      generation,
      inDoubt,
    });
    this.tick(1);
    if (held) this.onItsWay = { replica, token, port };
    else this.arrives(replica, token, port, outcome, lastsMs);
    return this;
  }

  /** What {@link Told.held} kept on its way arrives at last; its replica has gone. */
  heldArrives(outcome: NonNullable<Told['outcome']>): this {
    const { replica, token, port } = this.onItsWay ?? { replica: '', token: '', port: 0 };
    this.arrives(replica, token, port, outcome, 0);
    return this;
  }

  private arrives(
    replica: string,
    token: string,
    port: number,
    outcome: Told['outcome'],
    lastsMs: number,
  ): void {
    const { now: at } = this;
    this.exchanges.push({
      replica,
      fingerprint: token,
      port,
      receivedAt: at,
      endedAt: at + lastsMs,
      ...(outcome ? { forwardedAt: at } : {}),
      ...(outcome && lastsMs > 0 ? { answeredAt: at + Math.min(lastsMs, 5) } : {}),
    });
    if (!outcome) return;
    if (outcome.result.startsWith('granted')) this.issued(`${token}, its successor`, 'chain 1', token);
    this.presentation += 1;
    const { presentation } = this;
    this.ledger.push({
      type: 'presented',
      at: new Date(at).toISOString(),
      presentation,
      fingerprint: token,
      client_id: 'faults',
      known: true,
    });
    this.ledger.push({ type: 'outcome', at: this.tick(), presentation, ...outcome });
  }

  /** A version of the row is committed. */
  row(over: Partial<RowVersion>): this {
    this.state = over.state ?? this.state;
    this.generation = over.generation ?? this.generation;
    this.epoch = over.epoch ?? this.epoch;
    this.tick();
    const { now: at, state, generation, epoch } = this;
    this.rows.push({ at, connection: CONNECTION, ...over, state, generation, epoch });
    return this;
  }

  /** The latest attempt ends like this. */
  endsAs(over: Partial<RowVersion>): this {
    return this.row({ lastAttemptId: this.lastAttempt, ...over });
  }

  /** A fault hit just now. */
  hit(fault: Partial<FaultHit> & Pick<FaultHit, 'kind'>): this {
    this.faults.push({ id: this.faults.length + 1, at: this.now, until: this.now, ...fault });
    return this;
  }

  /** The server ends the chain because a token came twice. */
  chainEnded(grantId = 'chain 1'): this {
    this.ledger.push({ type: 'chain_revoked', at: this.tick(), grant_id: grantId, reason: 'reuse' });
    return this;
  }

  private tick(ms = 100): string {
    this.now += ms;
    return new Date(this.now).toISOString();
  }
}
