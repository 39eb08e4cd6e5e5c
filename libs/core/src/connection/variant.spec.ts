import fc from 'fast-check';
import { aRefusal } from '../../../../test/harness/fakes/index.js';
import { checkScopes, DEFAULT_VARIANT, variantOf } from './variant.js';

const GRANTED = ['a', 'b', 'c'];
describe('a variant', () => {
  it.each([
    ['nothing', [], ''],
    ['all scopes', ['a', 'b', 'c'], ''],
    ['all scopes in another order, some twice', ['c', 'a', 'b', 'a'], ''],
  ])('is the default one for %s', (_what, scopes, resource) => {
    expect(variantOf(scopes, resource, GRANTED)).toEqual(DEFAULT_VARIANT);
  });

  it('has the same key for the same scopes, however they are written', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(GRANTED, { minLength: 1, maxLength: 2 }), (scopes) => {
        const sorted = [...scopes].sort();
        expect(variantOf([...scopes, ...scopes], '', GRANTED)).toEqual(variantOf(sorted, '', GRANTED));
        expect(variantOf(scopes, '', GRANTED).scopes).toEqual(sorted);
      }),
    );
  });

  it('has a key of its own for each scope set and resource', () => {
    const variants = [
      variantOf(['a'], '', GRANTED),
      variantOf(['b'], '', GRANTED),
      variantOf(['a', 'b'], '', GRANTED),
      variantOf(['a'], 'https://api.example', GRANTED),
      variantOf([], 'https://api.example', GRANTED),
      variantOf([], 'https://api.example/', GRANTED),
      DEFAULT_VARIANT,
    ];
    expect(new Set(variants.map(({ key }) => key)).size).toBe(variants.length);
    for (const { key } of variants) expect(key).toMatch(/^[\w-]{0,22}$/);
  });

  it('with a resource and all scopes asks for no scope in particular', () => {
    expect(variantOf(['a', 'b', 'c'], 'https://api.example', GRANTED)).toEqual(
      variantOf([], 'https://api.example', GRANTED),
    );
  });

  it('is refused for scopes beyond the grant, naming them', () => {
    expect(() => variantOf(['a', 'x', 'y'], '', GRANTED)).toThrow(aRefusal('SCOPE_NOT_GRANTED'));
    expect(() => variantOf(['a', 'x', 'y'], '', GRANTED)).toThrow(/not granted x y\./);
  });

  it.each([
    ['a space', ['a b'], ''],
    ['an empty scope', [''], ''],
    ['a quote', ['a"'], ''],
    ['a backslash', ['a\\'], ''],
    ['a line break', ['a\n'], ''],
    ['a scope of 201 characters', ['x'.repeat(201)], ''],
    ['101 scopes', Array.from({ length: 101 }, (_, i) => `s${i}`), ''],
    ['a resource that is no URI', [], 'api'],
    ['a resource with a fragment', [], 'https://api.example/#x'],
    ['a resource that is too long', [], `https://api.example/${'x'.repeat(2_000)}`],
  ])('is refused for %s', (_what, scopes, resource) => {
    expect(() => variantOf(scopes, resource, GRANTED)).toThrow(aRefusal('INVALID_REQUEST'));
  });

  it('takes the scopes that servers have', () => {
    expect(() =>
      checkScopes(['openid', 'sf/software_development', 'https://graph.example/.default', '!']),
    ).not.toThrow();
  });
});
