/** A seeded source of random choices: the same seed and name, the same choices, everywhere and always. */
export class SeededRandom {
  private state: number;

  constructor(seed: number, name = '') {
    let state = (seed ^ 0x9e3779b9) >>> 0;
    // FNV-1a over the name, so that streams with different names have nothing to do with each other.
    for (const char of name) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193) >>> 0;
    this.state = state;
  }

  /** Uniform in [0, 1) (Tommy Ettinger's mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** One of them. */
  pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.whole(0, from.length - 1)] ?? from[0];
  }

  /** All of them, in another order (Fisher and Yates). */
  shuffled<T>(of: readonly T[]): T[] {
    const all = [...of];
    for (let i = all.length - 1; i > 0; i -= 1) {
      const j = this.whole(0, i);
      [all[i], all[j]] = [all[j] as T, all[i] as T];
    }
    return all;
  }
}
