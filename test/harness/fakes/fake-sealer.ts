import { SealError, Secret, type Sealed, type Sealer, type SealingContext } from '#libs/core';

/** Seals by keeping the values to itself; what it answers says nothing. */
export class FakeSealer implements Sealer {
  private readonly kept = new Map<string, { readonly value: string; readonly context: SealingContext }>();
  private readonly lostPlaces = new Set<SealingContext>();

  async seal(value: Secret, context: SealingContext): Promise<Sealed> {
    const sealed = `sealed-${this.kept.size + 1}` as Sealed;
    this.kept.set(sealed, { value: value.reveal(), context });
    return sealed;
  }

  async open(sealed: Sealed, context: SealingContext): Promise<Secret> {
    const kept = this.kept.get(sealed);
    if (!kept) throw new SealError('This was not sealed here.');
    if (kept.context !== context) throw new SealError(`This belongs to ${kept.context}, not to ${context}.`);
    if (this.lostPlaces.has(context)) throw new SealError('The key is unknown.');
    return new Secret(kept.value);
  }

  /** What lies behind a ciphertext, for looking at; wherever it belongs. */
  peek(sealed: Sealed): Secret {
    const kept = this.kept.get(sealed);
    if (!kept) throw new Error('This was not sealed here.');
    return new Secret(kept.value);
  }

  /** Makes everything sealed for this place unreadable, as when its key is gone. */
  loseKeyOf(context: SealingContext): void {
    this.lostPlaces.add(context);
  }
}
