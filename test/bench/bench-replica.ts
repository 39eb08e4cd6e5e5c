import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import {
  Breakers,
  Canaries,
  DueRotations,
  PendingSaves,
  profilesOf,
  RedoMark,
  RotationFinisher,
  Rotator,
  Secret,
  Slots,
  sleep,
  Spender,
  STORM_LIMITS,
  StormBrake,
  STRICTEST,
  type BrokerEvent,
  type ClaimBatch,
  type Clock,
  type OAuthClient,
  type RawAnswer,
  type RotationProfile,
  type Sealed,
  type Sealer,
  type TokenEndpoint,
} from '#libs/core';
import {
  PostgresFleetStore,
  PostgresFreezeStore,
  PostgresRotationStore,
  type Database,
} from '#libs/postgres';
import { FileSpool } from '#libs/spool';

/** One claim as its replica saw it, on the clock of the process. */
export interface ClaimLog {
  readonly askedAt: number;
  readonly answeredAt: number;
  /** When the access token of each claimed connection expires. */
  readonly expiries: readonly number[];
}

const CLOCK: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** Sealing is not the matter here. */
const SEALER: Sealer = {
  seal: async (secret) => `sealed:${secret.reveal()}` as Sealed,
  open: async (sealed) => new Secret(sealed.slice('sealed:'.length)),
};

/** A token endpoint that is fast and always grants. */
class FastEndpoint implements TokenEndpoint {
  private tokens = 0;

  constructor(private readonly latencyMs: number) {}

  async prepare(): ReturnType<TokenEndpoint['prepare']> {
    return { send: () => this.answer() };
  }

  profileOf(): RotationProfile {
    return STRICTEST;
  }

  interpret(_client: OAuthClient, answer: RawAnswer): ReturnType<TokenEndpoint['interpret']> {
    return {
      kind: 'granted',
      accessToken: answer.body,
      tokenType: 'Bearer',
      // Long enough for nothing to fall due again before all are done.
      expiresInMs: 24 * 3_600_000,
      refreshToken: answer.body,
    };
  }

  private async answer(): Promise<{ kind: 'answered'; answer: RawAnswer }> {
    await sleep(this.latencyMs);
    const body = new Secret(`token-${(this.tokens += 1)}`);
    return { kind: 'answered', answer: { status: 200, headers: {}, body } };
  }
}

/** What a replica does of its own accord: the real scheduler, spender, spool and store, with a fast server. */
export class BenchReplica {
  readonly claims: ClaimLog[] = [];
  rotated = 0;
  readonly troubles: BrokerEvent[] = [];
  private ticking: NodeJS.Timeout | undefined;

  private constructor(
    private readonly due: DueRotations,
    private readonly rotator: Rotator,
    private readonly spool: FileSpool,
  ) {}

  static async start(options: {
    readonly name: string;
    readonly dir: string;
    readonly database: Database;
    readonly client: OAuthClient;
    readonly slots: number;
    readonly latencyMs: number;
  }): Promise<BenchReplica> {
    const { name, dir, database, client } = options;
    const spool = await FileSpool.open(join(dir, name), 'bench');
    const events = { emit: (event: BrokerEvent): void => replica.told(event) };
    const store = new LoggedStore(database, (log) => replica.claims.push(log));
    const freezes = new PostgresFreezeStore(database.main);
    const pending = new PendingSaves(store, () => undefined);
    const random = Math.random;
    const brake = new StormBrake({
      store: freezes,
      events,
      clock: CLOCK,
      replica: name,
      limits: STORM_LIMITS,
    });
    const endpoint = new FastEndpoint(options.latencyMs);
    const profiles = profilesOf(() => client, endpoint);
    const finisher = new RotationFinisher({
      sealer: SEALER,
      pending,
      spool,
      brake,
      clock: CLOCK,
      random,
      profiles,
    });
    const spender = new Spender({
      store,
      clients: { client: async () => client },
      endpoint,
      sealer: SEALER,
      spool,
      finisher,
      clock: CLOCK,
      redoMark: new RedoMark(),
      timings: { exchangeTimeoutMs: 30_000, attemptDeadlineMs: 60_000 },
    });
    const breakers = new Breakers(CLOCK, events, () => 1, random);
    const rotator = new Rotator(spender, [breakers, new Canaries(freezes, events)], events, CLOCK);
    const spending = { objection: undefined, refusal: undefined };
    const slots = new Slots(options.slots, CLOCK);
    const gates = { slots, breakers, freezeOf: () => undefined, spending };
    const me = { name, spoolId: spool.id, bootId: randomUUID() };
    const fleet = new PostgresFleetStore(database.main);
    await fleet.register(me);
    await fleet.admit(spool.id, 'bench');
    const due = new DueRotations({
      store,
      rotator,
      events,
      clock: CLOCK,
      claimRequest: { ...me, replica: name, attemptDeadlineMs: 60_000, attemptFloor: 0 },
      gates,
      random,
      profiles,
    });
    const replica = new BenchReplica(due, rotator, spool);
    return replica;
  }

  /** Ticks every second, as the broker does. */
  begin(): void {
    void this.due.tick();
    this.ticking = setInterval(() => void this.due.tick(), 1_000);
  }

  async stop(): Promise<void> {
    clearInterval(this.ticking);
    await this.due.stop();
    await this.rotator.idle();
    await this.spool.close();
  }

  private told(event: BrokerEvent): void {
    if (event.type === 'rotation.succeeded') this.rotated += 1;
    else this.troubles.push(event);
  }
}

/** Writes down every claim that is made through it. */
class LoggedStore extends PostgresRotationStore {
  constructor(
    database: Database,
    private readonly log: (log: ClaimLog) => void,
  ) {
    super(database, () => CLOCK.monotonic());
  }

  override async claimDue(request: Parameters<PostgresRotationStore['claimDue']>[0]): Promise<ClaimBatch> {
    const askedAt = performance.now();
    const batch = await super.claimDue(request);
    const expiries = batch.claims.map(({ connection }) => connection.expiresAt ?? 0);
    if (expiries.length > 0) this.log({ askedAt, answeredAt: performance.now(), expiries });
    return batch;
  }
}
