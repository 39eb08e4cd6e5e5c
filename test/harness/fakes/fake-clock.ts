import type { Clock } from '#libs/core';

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  private wall: number;
  private sinceStart = 1_000;

  constructor(startAt = Date.UTC(2030, 0, 1)) {
    this.wall = startAt;
  }

  now(): number {
    return this.wall;
  }

  monotonic(): number {
    return this.sinceStart;
  }

  /** Lets time pass on both clocks. */
  advance(ms: number): void {
    this.wall += ms;
    this.sinceStart += ms;
  }
}
