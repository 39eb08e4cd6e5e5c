const REDACTED = '[secret]';

/**
 * A value that must not be seen: a token, a client secret, a code verifier. It prints, serialises and
 * inspects as `[secret]`; only {@link Secret.reveal} gives it away, so that every place that does can be
 * found by that name.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it as late as possible, and never for a log, an error or a metric. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return REDACTED;
  }
}
