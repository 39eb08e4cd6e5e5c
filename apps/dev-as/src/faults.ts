import { randomUUID } from 'node:crypto';

/** Every fault that can be had. */
export const FAULT_KINDS = [
  /** The connection is cut before the request is processed. */
  'drop_request',
  /** Processed; then the connection is cut without a byte of the answer. */
  'drop_answer',
  /** Processed; half of the body is sent, then the connection is cut. */
  'truncate_answer',
  /** 500, not processed. */
  'error_500_before',
  /** Processed (the token is spent), then 500. */
  'error_500_after',
  /** A proxy's HTML page with 502; not processed. */
  'html_502',
  /** 429 with an optional Retry-After (RFC 6585 §4); not processed. */
  'status_429',
  /** 503 with an optional Retry-After (RFC 9110 §15.6.4); not processed. */
  'status_503',
  /** 400 without a body; not processed. */
  'empty_400',
  /** Waits, then processes. */
  'delay_before',
  /** Processes, then waits. */
  'delay_after',
  /** 302 to somewhere else; not processed. */
  'redirect',
  /** Processed; the answer comes without its refresh token. */
  'omit_refresh_token',
  /** Processed; the answer comes without `expires_in` (RFC 6749 §5.1 only recommends it). */
  'omit_expires_in',
  /** Never answers; not processed. */
  'hang',
  /** The whole server is away: every request's connection is cut (the control API stays). */
  'down',
] as const;

/** A kind of fault, see {@link FAULT_KINDS}. */
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Which requests a fault hits, and how. */
export interface FaultRule {
  kind: FaultKind;
  /** Path below the issuer, default `/connect/token`; `*` is every path. `down` ignores it. */
  path?: string;
  grantType?: string;
  clientId?: string;
  /** How many requests it hits, default 1; -1 until it is cleared. */
  times?: number;
  /** Chance to hit a request that matches, default 1; the random numbers are seeded. */
  probability?: number;
  /** For the delays, default 1000. */
  delayMs?: number;
  /** For 429 and 503. */
  retryAfterSeconds?: number;
}

/** A rule in force. */
export interface ActiveFault extends FaultRule {
  id: string;
  /** Requests it will still hit; -1 for no limit. */
  remaining: number;
  /** Requests it has hit. */
  hits: number;
}

/** What a rule is compared with. */
export interface FaultTarget {
  path: string;
  grantType?: string | undefined;
  clientId?: string | undefined;
}

/** The faults in force. The first rule that matches a request hits it. */
export class Faults {
  #rules: ActiveFault[] = [];
  readonly #random: () => number;

  constructor(seed = 1) {
    this.#random = mulberry32(seed);
  }

  /** Puts a rule in force and answers it with its id. */
  add(rule: FaultRule): ActiveFault {
    if (!FAULT_KINDS.includes(rule.kind)) throw new TypeError(`unknown fault kind: ${String(rule.kind)}`);
    const { times = rule.kind === 'down' ? -1 : 1, probability = 1 } = rule;
    if (!Number.isInteger(times) || times < -1 || times === 0)
      throw new TypeError('times must be positive or -1');
    if (!(probability >= 0 && probability <= 1)) throw new TypeError('probability must be between 0 and 1');
    const active = { ...rule, id: randomUUID(), remaining: times, hits: 0 };
    this.#rules.push(active);
    return active;
  }

  /** Ends one rule, or all. */
  clear(id?: string): void {
    this.#rules = id === undefined ? [] : this.#rules.filter((rule) => rule.id !== id);
  }

  /** The rules still in force. */
  list(): ActiveFault[] {
    return this.#rules.map((rule) => ({ ...rule }));
  }

  /** Whether the server plays dead for this request. */
  isDown(): boolean {
    return this.#hit((rule) => rule.kind === 'down') !== undefined;
  }

  /** Whether any rule could hit this path: only then is the exchange worth buffering. */
  watches(path: string): boolean {
    return this.#rules.some((rule) => matchesPath(rule, path));
  }

  /** The fault for this request, if any; counts it. */
  pick(target: FaultTarget): ActiveFault | undefined {
    return this.#hit(
      (rule) =>
        matchesPath(rule, target.path) &&
        (rule.grantType === undefined || rule.grantType === target.grantType) &&
        (rule.clientId === undefined || rule.clientId === target.clientId),
    );
  }

  #hit(matches: (rule: ActiveFault) => boolean): ActiveFault | undefined {
    for (const rule of this.#rules) {
      if (!matches(rule) || this.#random() >= (rule.probability ?? 1)) continue;
      rule.hits += 1;
      if (rule.remaining > 0) rule.remaining -= 1;
      if (rule.remaining === 0) this.clear(rule.id);
      return rule;
    }
    return undefined;
  }
}

function matchesPath(rule: FaultRule, path: string): boolean {
  return rule.kind !== 'down' && (rule.path === '*' || (rule.path ?? '/connect/token') === path);
}

/** A small seeded generator of numbers in [0, 1) (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
