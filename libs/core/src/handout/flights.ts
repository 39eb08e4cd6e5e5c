import type { Deadline } from '../rotation/slots.js';

interface Flight<T> {
  readonly answer: Promise<T>;
  /** That of the most patient of those who wait for it. */
  readonly patience: { until: number };
}

/**
 * What is being fetched right now, so that many who want the same wait for one. Bounded for each OAuth client:
 * one whose server hangs does not fill the replica with waiters.
 */
export class Flights<T> {
  private readonly flights = new Map<string, Flight<T>>();
  private readonly perClient = new Map<string, number>();

  /** @param most flights for one OAuth client */
  constructor(private readonly most: number) {}

  /**
   * Joins the flight of this key, or begins it.
   * @param until how long the one who boards is ready to wait; the flight's deadline moves on with it
   * @returns `undefined` where it would be one too many
   */
  board(
    clientId: string,
    key: string,
    until: number,
    begin: (deadline: Deadline) => Promise<T>,
  ): { readonly flight: Promise<T>; readonly joined: boolean } | undefined {
    const running = this.flights.get(key);
    if (running) {
      running.patience.until = Math.max(running.patience.until, until);
      return { flight: running.answer, joined: true };
    }
    const count = this.perClient.get(clientId) ?? 0;
    if (count >= this.most) return undefined;
    this.perClient.set(clientId, count + 1);
    const patience = { until };
    const answer = begin(() => patience.until).finally(() => this.landed(clientId, key));
    this.flights.set(key, { answer, patience });
    return { flight: answer, joined: false };
  }

  private landed(clientId: string, key: string): void {
    this.flights.delete(key);
    const left = (this.perClient.get(clientId) ?? 1) - 1;
    if (left === 0) this.perClient.delete(clientId);
    else this.perClient.set(clientId, left);
  }
}
