import { MOMENTS, type Moment } from '#libs/core';
import { STATEMENT_FAULTS } from '../proxy/database-proxy.js';
import { EXCHANGE_FAULTS } from '../proxy/exchange-proxy.js';

/** Faults of the authorization server's own (apps/dev-as), to one exchange each; `down` lasts. */
export const OWN_FAULTS = [
  'drop_answer',
  'truncate_answer',
  'error_500_before',
  'error_500_after',
  'html_502',
  'status_429',
  'status_503',
  'empty_400',
  'delay_before',
  'delay_after',
  'redirect',
  'omit_refresh_token',
  'omit_expires_in',
  'hang',
  'down',
] as const;

/** What is done to a process. */
export const PROCESS_FAULTS = [
  /** SIGKILL by itself, at a moment of a rotation. */
  'kill_at',
  /** SIGKILL at any moment. */
  'kill',
  /** SIGKILL to the whole fleet. */
  'kill_all',
  /** SIGTERM, and a start. */
  'terminate',
] as const;

/** What makes a process slow, or late, or wrong about its surroundings, and lets it live. */
export const PAUSE_FAULTS = [
  /** SIGSTOP for less than every timeout, at any moment. */
  'stop',
  /** The same at a moment of a rotation. */
  'stop_at',
  /** SIGSTOP for longer than an attempt's deadline; the row locks are still held. */
  'stop_past_deadline',
  /** One attempt waits at a moment, the others go on. */
  'delay_at',
  /** The spool's disk has no byte left. */
  'disk_full',
  /** The wall clock jumps while the process runs. */
  'clock_jump',
  /** The process is started anew while its wall clock is off. */
  'clock_off_at_start',
] as const;

/** SIGSTOP for longer than PostgreSQL leaves an idle transaction its locks. */
export const SLUMBER_FAULTS = ['stop_past_every_timeout'] as const;

/** What hits all that a replica, or the whole fleet, has under way. */
export const OUTAGE_FAULTS = [
  /** All connections of a replica to the database are reset. */
  'database_cut',
  /** New ones are refused. */
  'database_refused',
  /** All of them are half open: both sides keep them, and nothing passes. */
  'database_silent',
  /** Half open, and the database's side has noticed: its locks are gone. */
  'database_dropped',
  /** The same when an attempt has its answer and is about to save it, until long after its deadline. */
  'cut_off_with_answer',
  /** A replica's connections to the authorization server are refused. */
  'path_refused',
  /** They are accepted, and nothing passes. */
  'path_silent',
  /** The whole fleet's are refused. */
  'server_unreachable',
  /** The authorization server is killed, and comes back. */
  'server_killed',
  /** PostgreSQL is killed, and comes back. */
  'postgres_killed',
  /** Both are out of everybody's reach. */
  'everything_away',
] as const;

/** Every kind of fault. */
export type FaultKind =
  | (typeof EXCHANGE_FAULTS)[number]
  | (typeof STATEMENT_FAULTS)[number]
  | `own_${(typeof OWN_FAULTS)[number]}`
  | (typeof PROCESS_FAULTS)[number]
  | (typeof PAUSE_FAULTS)[number]
  | (typeof SLUMBER_FAULTS)[number]
  | (typeof OUTAGE_FAULTS)[number];

/** A fault as a deck has it. */
export interface Card {
  readonly kind: FaultKind;
  /** For `kill_at`, `stop_at` and `delay_at`. */
  readonly moment?: Moment;
}

/** The moments of a rotation itself: every attempt comes to them. */
const OF_EVERY_ATTEMPT = MOMENTS.filter(
  (moment) => moment !== 'replaying' && moment !== 'replayed' && moment !== 'taken_over',
);

const each = (...kinds: FaultKind[]): Card[] => kinds.map((kind) => ({ kind }));
const atEach = (kind: FaultKind, moments: readonly Moment[]): Card[] =>
  moments.map((moment) => ({ kind, moment }));
const times = (count: number, kind: FaultKind): Card[] => Array.from({ length: count }, () => ({ kind }));

/** Who deals faults: see {@link DECKS}. */
export const LANES = ['exchange', 'statement', 'server', 'process', 'pause', 'slumber', 'outage'] as const;

/** One of {@link LANES}. */
export type LaneName = (typeof LANES)[number];

/**
 * A lane deals its faults from a shuffled deck, one after the other: each comes as often as it is in the deck
 * before any comes once more. The lanes go on side by side, so that faults overlap.
 */
export const DECKS: Readonly<Record<LaneName, readonly Card[]>> = {
  exchange: each(...EXCHANGE_FAULTS),
  statement: each(...STATEMENT_FAULTS),
  server: each(...OWN_FAULTS.map((kind) => `own_${kind}` as const)),
  process: [...atEach('kill_at', MOMENTS), ...times(3, 'kill'), ...each('kill_all', 'terminate')],
  pause: [
    ...times(4, 'stop'),
    ...atEach('stop_at', OF_EVERY_ATTEMPT),
    ...atEach('delay_at', OF_EVERY_ATTEMPT),
    ...times(2, 'stop_past_deadline'),
    ...times(2, 'disk_full'),
    ...times(2, 'clock_jump'),
    ...each('clock_off_at_start'),
  ],
  slumber: each(...SLUMBER_FAULTS),
  outage: [...each(...OUTAGE_FAULTS), ...times(3, 'database_cut'), ...times(2, 'database_dropped')],
};
