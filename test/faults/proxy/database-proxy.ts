import { FaultProxy } from './fault-proxy.js';
import type { Relay, RelayListener } from './relay.js';

/** What can be done to one statement of the rotation protocol, or to the connection that it is on. */
export const STATEMENT_FAULTS = [
  /** A claim takes effect, and the replica never learns of it. */
  'claim_unacknowledged',
  /** The connection that holds a row lock is reset in the middle of the exchange. */
  'lock_lost',
  /** The same connection falls silent: the server keeps the lock, the replica cannot save. */
  'lock_silent',
  /** The commit of a save is lost on its way, with the connection. */
  'commit_lost',
  /** The save is committed, and the replica never learns of it. */
  'commit_unacknowledged',
] as const;

/** One of {@link STATEMENT_FAULTS}. */
export type StatementFault = (typeof STATEMENT_FAULTS)[number];

/** How the statements look on the wire (PostgreSQL manual, "Message Formats"); the names are those of the columns. */
const CLAIM = /attempt_id = gen_random_uuid\(\)/;
const HOLD = /attempt_deadline_at > clock_timestamp\(\)[\s\S]*FOR UPDATE/;
const COMMIT = /^Q....COMMIT\0/s;
const ROLLBACK = /^Q....ROLLBACK\0/s;
/** The tag of a statement that touched a row. */
const TOUCHED = /C....(UPDATE|SELECT) [1-9]\d*\0/s;
/** The parameters of a {@link HOLD} are a connection and its attempt. */
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** Where a statement fault hit. */
export interface StatementHit {
  /** The attempt whose row lock the connection held; absent for claims. */
  readonly attemptId?: string;
}

interface Armed {
  readonly fault: StatementFault;
  readonly afterMs: number;
  readonly silentMs: number;
  readonly hit: (at: StatementHit) => void;
  over: boolean;
}

/** The proxy between a replica and PostgreSQL: it knows the statements of the rotation protocol when it sees them. */
export class DatabaseProxy extends FaultProxy {
  private readonly armed = new Set<Armed>();

  /**
   * Does this at the next occasion.
   * @param afterMs for what happens during an exchange: how long after the lock was had
   * @param silentMs for `lock_silent`: how long it lasts
   */
  arm(
    fault: StatementFault,
    { afterMs = 0, silentMs = 0 } = {},
  ): { readonly hit: Promise<StatementHit>; disarm(): void } {
    let disarm = (): void => undefined;
    const hit = new Promise<StatementHit>((resolve) => {
      const armed: Armed = { fault, afterMs, silentMs, hit: resolve, over: false };
      this.armed.add(armed);
      disarm = () => {
        armed.over = true;
        this.armed.delete(armed);
      };
    });
    return { hit, disarm };
  }

  protected listener(): RelayListener {
    /** The attempt whose row is locked here. */
    let holding: StatementHit | undefined;
    let claiming = false;
    let committing: Armed | undefined;
    return {
      fromClient: (chunk, relay) => {
        const text = chunk.toString('latin1');
        claiming = CLAIM.test(text);
        if (HOLD.test(text)) {
          const attemptId = text.match(UUID)?.[1];
          const held = attemptId === undefined ? {} : { attemptId };
          holding = held;
          this.duringExchange(relay, held, () => holding === held);
        } else if (COMMIT.test(text) && holding) {
          const held = holding;
          holding = undefined;
          if (this.take('commit_lost', held)) {
            relay.cut();
            return undefined;
          }
          committing = this.take('commit_unacknowledged', held);
        } else if (ROLLBACK.test(text)) {
          holding = undefined;
        }
        return chunk;
      },
      fromServer: (chunk, relay) => {
        const touched = claiming && TOUCHED.test(chunk.toString('latin1'));
        if (!committing && !(touched && this.take('claim_unacknowledged', {}))) return chunk;
        relay.cut();
        return undefined;
      },
      clientEnded: () => {
        holding = undefined;
      },
      ended: () => undefined,
    };
  }

  private duringExchange(relay: Relay, held: StatementHit, stillHolding: () => boolean): void {
    const fault = this.take('lock_lost') ?? this.take('lock_silent');
    if (!fault) return;
    setTimeout(() => {
      if (fault.over) return;
      if (relay.ended || !stillHolding()) {
        // The exchange was faster: the next one then.
        this.armed.add(fault);
        return;
      }
      fault.hit(held);
      if (fault.fault === 'lock_lost') {
        relay.cut();
        return;
      }
      relay.silence();
      setTimeout(() => relay.cut(), fault.silentMs);
    }, fault.afterMs);
  }

  /** Takes what is armed for this kind; with `at`, it has hit. */
  private take(kind: StatementFault, at?: StatementHit): Armed | undefined {
    for (const armed of this.armed) {
      if (armed.fault !== kind) continue;
      this.armed.delete(armed);
      if (at) armed.hit(at);
      return armed;
    }
    return undefined;
  }
}
