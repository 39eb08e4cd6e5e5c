import { format, inspect } from 'node:util';
import { Secret } from './secret.js';

const VALUE = 'CfDJ8-very-secret';
const secret = new Secret(VALUE);

describe('P9: a secret', () => {
  it.each<[string, () => string]>([
    ['a template', () => `${secret as unknown as string}`],
    ['String()', () => String(secret)],
    ['concatenation', () => 'token ' + (secret as unknown as string)],
    ['JSON', () => JSON.stringify({ secret, list: [secret] })],
    ['util.inspect', () => inspect({ deep: { secret } }, { depth: 10, showHidden: true })],
    ['util.format', () => format('%s %o %O %j', secret, secret, secret, { secret })],
    [
      'an error’s message',
      () => inspect(new Error(`failed with ${secret as unknown as string}`, { cause: secret })),
    ],
    [
      'its own keys',
      () => JSON.stringify([Object.entries(secret), Object.entries(Object.assign({}, secret))]),
    ],
    ['a map', () => inspect(new Map([[secret, secret]]))],
  ])('is not shown by %s', (_how, show) => {
    expect(show()).not.toContain(VALUE);
  });

  it('is there for whoever says so', () => {
    expect(secret.reveal()).toBe(VALUE);
  });
});
