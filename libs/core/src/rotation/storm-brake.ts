import { sleep, type Clock } from '../clock.js';
import type { Connection, LastError } from '../connection/connection.js';
import { isStoreUnavailable } from '../errors.js';
import type { EventSink } from '../events.js';
import type { Canary } from '../oauth-client/oauth-client.js';
import { clientName } from '../resource-names.js';
import { isInDoubt } from './judge.js';
import { probeAt } from './policy.js';
import { STRICTEST } from './rotation-profile.js';
import type { FreezeStore } from './freeze-store.js';
import type { RotationChange } from './ports.js';

/** When the brake trips: that many of the latest rotations that the server concluded, within that time. */
export interface StormLimits {
  readonly denials: number;
  readonly latest: number;
  readonly windowMs: number;
}

/** Five of the latest ten within a minute. */
export const STORM_LIMITS: StormLimits = { denials: 5, latest: 10, windowMs: 60_000 };

/** How long a freeze that could not be stored waits for its next try. */
const RETRY_MS = 1_000;

/** What the server concluded about one rotation. */
interface Conclusion {
  /** Of the monotonic clock. */
  readonly at: number;
  /** The code of a denial; `undefined` for a token. */
  readonly denied: string | undefined;
}

/** What the brake needs. */
export interface StormBrakeParts {
  readonly store: Pick<FreezeStore, 'freeze'>;
  readonly events: EventSink;
  readonly clock: Clock;
  /** The name of this replica. */
  readonly replica: string;
  readonly limits: StormLimits;
}

/**
 * Freezes an OAuth client when many of its connections are denied within a short time (promise P11): a server
 * that was reset, restored or mixed up says `invalid_grant` to everybody, and a fleet that went on would burn
 * through all of its refresh tokens in minutes. The denial that trips it and those after it are saved as
 * doubts, and those just before it are taken back. Each replica counts for itself; the freeze holds for all.
 */
export class StormBrake {
  private readonly latest = new Map<string, Conclusion[]>();
  private readonly freezing = new Map<string, Promise<void>>();

  constructor(private readonly parts: StormBrakeParts) {}

  /** A rotation was granted. */
  granted(clientId: string): void {
    this.conclude(clientId, undefined);
  }

  /**
   * A refresh token was denied by the server's final word. Resolves once the freeze that this trips is stored,
   * or cannot be stored now (then it is tried again and again); the denial is to be saved after it.
   */
  async denied(connection: Connection, error: LastError, canary: Canary | undefined): Promise<void> {
    const { clientId } = connection;
    const latest = this.conclude(clientId, error.code);
    const reason = this.reasonToFreeze(latest, error.code, canary);
    if (reason === undefined || this.freezing.has(clientId)) return;
    this.latest.delete(clientId);
    await this.freeze(clientId, reason, error);
  }

  private reasonToFreeze(
    latest: readonly Conclusion[],
    code: string,
    canary: Canary | undefined,
  ): string | undefined {
    if (canary === 'thawed') return `The first rotation after the thaw was denied (${code}).`;
    const { denials, windowMs } = this.parts.limits;
    const alike = latest.filter(({ denied }) => denied === code).length;
    if (alike < denials) return undefined;
    return `${alike} of the latest ${latest.length} rotations were denied within ${windowMs / 1_000} s (${code}).`;
  }

  private async freeze(clientId: string, reason: string, { code }: LastError): Promise<void> {
    const since = this.parts.clock.now() - this.parts.limits.windowMs;
    if (await this.tryToFreeze(clientId, reason, code, since)) return;
    const retrying = this.retry(clientId, reason, code, since).finally(() => this.freezing.delete(clientId));
    this.freezing.set(clientId, retrying);
  }

  private async retry(clientId: string, reason: string, code: string, since: number): Promise<void> {
    do await sleep(RETRY_MS);
    while (!(await this.tryToFreeze(clientId, reason, code, since)));
  }

  private async tryToFreeze(clientId: string, reason: string, code: string, since: number): Promise<boolean> {
    const { store, events, replica, clock } = this.parts;
    const by = `replicas/${replica}`;
    try {
      const { frozen, reconsidered } = await store.freeze(
        clientId,
        { reason, by },
        { code, since, decide: (denied) => doubtInStorm(denied, denied.lastError, clock.now()) },
      );
      if (frozen) {
        events.emit({ type: 'client.frozen', client: clientName(clientId), reason, by, reconsidered });
      }
      return true;
    } catch (error) {
      if (isStoreUnavailable(error)) return false;
      events.emit({ type: 'fault', during: `freeze of ${clientName(clientId)}`, error });
      return true;
    }
  }

  /** Keeps the latest only: a fleet that goes well for hours does not outweigh what begins now. */
  private conclude(clientId: string, denied: string | undefined): readonly Conclusion[] {
    const { latest: most, windowMs } = this.parts.limits;
    const at = this.parts.clock.monotonic();
    const before = (this.latest.get(clientId) ?? []).filter((one) => at - one.at < windowMs);
    const latest = [...before, { at, denied }].slice(-most);
    this.latest.set(clientId, latest);
    return latest;
  }
}

/**
 * A denial with the doubt that is saved in its place while the OAuth client is frozen. A probe's denial has
 * none: its generation has been sent twice, and is not sent once more (promise P1).
 */
export function withReprieve(
  connection: Connection,
  change: Extract<RotationChange, { kind: 'denied' }>,
  now: number,
): Extract<RotationChange, { kind: 'denied' }> {
  if (isInDoubt(connection)) return change;
  return { ...change, whileFrozen: doubtInStorm(connection, change.lastError, now) };
}

function doubtInStorm(
  connection: Connection,
  error: LastError | undefined,
  now: number,
): { lastError: LastError; probeAt: number } {
  const said = error ? `${error.code}: ${error.description}` : 'no reason known';
  const description = `Denied while many connections of this OAuth client were (${said}); it was frozen, and the refresh token is tried once more after the thaw.`;
  return {
    lastError: { code: 'denied_in_storm', description, at: now },
    // The server has answered: no grace window counts, and no spool has another answer.
    probeAt: probeAt(connection, now, STRICTEST, { sentAt: 0, mayComeBack: false }),
  };
}
