import { performance } from 'node:perf_hooks';
import type { ChildLine } from '../../../apps/dev/src/child.js';

/** An event of a broker, when its line arrived here. */
interface LoggedEvent {
  readonly at: number;
  readonly replica: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** An attempt that ended without a token, and why. */
export interface FailedRotation {
  readonly connection: string;
  readonly outcome: string;
  readonly code: string;
}

/** What the brokers' logs say of rotations. */
export class BrokerLog {
  private readonly events: LoggedEvent[] = [];

  /** Takes a line of a broker. */
  line(replica: string, { json }: ChildLine): void {
    if (typeof json?.['event'] !== 'string') return;
    this.events.push({ at: performance.now(), replica, event: json['event'], fields: json });
  }

  /** Rotations whose new refresh token was committed in a span: at once, or when the database was back. */
  committed(from: number, to: number, replica?: string): number {
    return this.between(from, to).filter((one) => isCommit(one) && (!replica || one.replica === replica))
      .length;
  }

  /** When a replica's scheduler first committed a rotation after a moment. What callers ask for comes sooner. */
  firstCommit(replica: string, after: number): number | undefined {
    return this.events.find(
      (one) =>
        one.replica === replica && one.at > after && isCommit(one) && one.fields['trigger'] === 'schedule',
    )?.at;
  }

  /** Answers that had to wait for the database in a span: in hand, in the spool, not yet committed. */
  waited(from: number, to: number): number {
    return this.between(from, to).filter(
      ({ event, fields }) => event === 'rotation.succeeded' && fields['saved'] === false,
    ).length;
  }

  /** Attempts that ended without a token in a span. */
  failures(from: number, to: number): FailedRotation[] {
    return this.between(from, to)
      .filter(({ event }) => event === 'rotation.failed')
      .map(({ fields }) => ({
        connection: String(fields['connection']),
        outcome: String(fields['outcome']),
        code: (fields['error'] as { code?: string } | undefined)?.code ?? '-',
      }));
  }

  /** Events of one kind in a span. */
  count(event: string, from: number, to: number): number {
    return this.between(from, to).filter((one) => one.event === event).length;
  }

  /** Faults: defects of the broker. */
  faults(from: number, to: number): string[] {
    return this.between(from, to)
      .filter(({ event }) => event === 'fault')
      .map(({ replica, fields }) => `${replica}: ${JSON.stringify(fields).slice(0, 400)}`);
  }

  private between(from: number, to: number): LoggedEvent[] {
    return this.events.filter(({ at }) => at >= from && at < to);
  }
}

function isCommit({ event, fields }: LoggedEvent): boolean {
  return (
    (event === 'rotation.succeeded' && fields['saved'] === true) ||
    (event === 'save.settled' && fields['result'] === 'saved')
  );
}
