import { setTimeout as delay } from 'node:timers/promises';
import { TokenBrokerError } from '#libs/client';
import type { GetAccessTokenResponse } from '#proto/tokenbroker/v1/token_service';
import { getToken } from '../../harness/broker-calls.js';
import { machineMs } from '../broker/tell.js';
import type { Fleet } from '../fleet/fleet.js';
import type { Journal } from '../fleet/journal.js';
import type { ReplicaUnderTest } from '../fleet/replica.js';
import type { User } from './users.js';

const READ_EVERY_MS = 40;
const DEADLINE_MS = 5_000;

/**
 * How much life a token must have left for its read to count as owed (promise P6): the broker counts a token
 * as over a twentieth of its life early, and a moment is lost on the way.
 */
const OWED_LIFE_MS = 1_000;

interface Held {
  readonly boot: number;
  readonly since: number;
  readonly expiresAt: number;
}

/**
 * Reads tokens at every replica all the time. No token may be over when it is handed out (P5), and what a
 * process has handed out once it has to go on handing out while it is good, whatever is away (P6).
 */
export class Readers {
  private stopped = false;
  private running: Promise<unknown> = Promise.resolve();
  reads = 0;
  refusals = 0;

  constructor(
    private readonly fleet: Fleet,
    private readonly journal: Journal,
    private readonly users: readonly User[],
  ) {}

  begin(): void {
    this.running = Promise.all(this.fleet.replicas.map((replica, i) => this.loop(replica, i)));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async loop(replica: ReplicaUnderTest, offset: number): Promise<void> {
    const held = new Map<string, Held>();
    // Reads overlap: one that waits must not keep the others from being made.
    const pending = new Set<Promise<void>>();
    for (let turn = offset; !this.stopped; turn += 1) {
      await delay(READ_EVERY_MS);
      const user = this.users[turn % this.users.length];
      if (!user || !replica.isServing || pending.size >= 20) continue;
      const read = this.read(replica, user.connection, held).finally(() => pending.delete(read));
      pending.add(read);
    }
    await Promise.all(pending);
  }

  private async read(replica: ReplicaUnderTest, connection: string, held: Map<string, Held>): Promise<void> {
    const { boot, callers } = replica;
    if (!callers) return;
    const askedAt = machineMs();
    const wallAtAsking = Date.now();
    try {
      const answer = await getToken(callers.reader, connection, { deadlineMs: DEADLINE_MS });
      this.reads += 1;
      const expiresAt = expiryOf(answer);
      this.check(replica, connection, answer, expiresAt, wallAtAsking);
      held.set(connection, { boot, since: machineMs(), expiresAt: askedAt + (expiresAt - wallAtAsking) });
    } catch (error) {
      this.refusals += 1;
      const before = held.get(connection);
      const refusedAt = machineMs();
      // Where the process has just died, its end is known in a moment.
      await delay(500);
      const owed = before?.boot === boot && replica.boot === boot && replica.isServing;
      if (!owed || before.expiresAt - refusedAt < OWED_LIFE_MS || replica.stoodStill(askedAt, refusedAt))
        return;
      const refusal =
        error instanceof TokenBrokerError ? `${error.code} ${error.reason}: ${error.message}` : '?';
      this.journal.missedRead({
        replica: replica.name,
        connection,
        heldSince: before.since,
        askedAt,
        refusedAt,
        refusal,
      });
    }
  }

  /** A token must not have been over before it was asked for; by the answer, and by the token itself. */
  private check(
    replica: ReplicaUnderTest,
    connection: string,
    answer: GetAccessTokenResponse,
    expiresAt: number,
    askedAt: number,
  ): void {
    const ownExpiry = expiryOfJwt(answer.accessToken);
    if (expiresAt > askedAt && ownExpiry > askedAt) return;
    this.journal.remark({
      what: 'stale_token',
      replica: replica.name,
      connection,
      detail: `asked at ${askedAt}, expire_time ${expiresAt}, exp ${ownExpiry}`,
    });
  }
}

function expiryOf({ expireTime }: GetAccessTokenResponse): number {
  return Number(expireTime?.seconds ?? 0n) * 1_000 + (expireTime?.nanos ?? 0) / 1e6;
}

/** `exp` of a JWT (RFC 7519 section 4.1.4), to its last moment: it counts whole seconds, cut off. */
function expiryOfJwt(token: string): number {
  const [, payload = ''] = token.split('.');
  const { exp = 0 } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { exp?: number };
  return (exp + 1) * 1_000;
}
