/**
 * When this replica last began to replay its spool onto a database that had failed over. What was claimed before
 * may not be sent from then on: the database may have lost the claim, and somebody else may have made another.
 * What had been sent by then is in the spool, and in the redo.
 */
export class RedoMark {
  private at = Number.NEGATIVE_INFINITY;

  /** @param now a {@link Clock.monotonic} instant */
  begin(now: number): void {
    this.at = now;
  }

  /** @param claimedAt the {@link Clock.monotonic} instant before the claim was asked for */
  allows(claimedAt: number): boolean {
    return claimedAt > this.at;
  }
}
