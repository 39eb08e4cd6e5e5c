import fc from 'fast-check';
import { aRefusal } from '../../../test/harness/fakes/index.js';
import {
  accessRuleName,
  checkConnectionPattern,
  checkSegment,
  clientName,
  connectionName,
  matchesPattern,
  parseAccessRuleName,
  parseClientName,
  parseConnectionName,
  parseWorkloadName,
  tryParseConnectionName,
  workloadName,
} from './resource-names.js';

const LETTERS = 'abcXYZ019-._~@';
const segment = fc
  .tuple(
    fc.constantFrom(...'abcXYZ019'.split('')),
    fc.string({ unit: fc.constantFrom(...LETTERS.split('')), maxLength: 20 }),
  )
  .map(([first, rest]) => first + rest);

describe('names', () => {
  it('are read as they are written', () => {
    fc.assert(
      fc.property(segment, segment, (clientId, connectionId) => {
        expect(parseConnectionName(connectionName({ clientId, connectionId }))).toEqual({
          clientId,
          connectionId,
        });
        expect(parseClientName(clientName(clientId))).toBe(clientId);
        expect(parseWorkloadName(workloadName(clientId))).toBe(clientId);
        expect(parseAccessRuleName(accessRuleName(clientId))).toBe(clientId);
      }),
    );
  });

  it.each([
    '',
    'clients',
    'clients/c',
    'clients/c/connections',
    'clients/c/connections/',
    'clients//connections/u',
    'clients/c/connections/u/x',
    '/clients/c/connections/u',
    'Clients/c/connections/u',
    'clients/c/connection/u',
    'clients/../connections/u',
    'clients/-c/connections/u',
    'clients/c d/connections/u',
    'clients/c/connections/*',
    'clients/c/connections/ü',
    'clients/c/connections/u\n',
    `clients/c/connections/${'u'.repeat(101)}`,
  ])('%j is no connection', (name) => {
    expect(tryParseConnectionName(name)).toBeUndefined();
    expect(() => parseConnectionName(name)).toThrow(aRefusal('INVALID_REQUEST'));
  });

  it.each([
    () => parseClientName('workloads/x'),
    () => parseClientName('clients/x/y'),
    () => parseWorkloadName('workloads/'),
    () => parseAccessRuleName('accessrules/x'),
    () => checkSegment('.hidden', 'an id'),
  ])('%s is refused', (parse) => {
    expect(parse).toThrow(aRefusal('INVALID_REQUEST'));
  });

  it('what is repeated in a message is short and printable', () => {
    const hostile = `\u001b[31m${'x'.repeat(5_000)}\r\n`;
    const message = (() => {
      try {
        return parseClientName(hostile);
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(message.length).toBeLessThan(300);
    expect(message).toMatch(/^[\x20-\x7e]+$/);
  });
});

describe('patterns', () => {
  it.each([
    ['clients/c/connections/u1', 'clients/c/connections/u1', true],
    ['clients/c/connections/u1', 'clients/c/connections/u10', false],
    ['clients/c/connections/*', 'clients/c/connections/u1', true],
    ['clients/*/connections/*', 'clients/c/connections/u1', true],
    ['clients/*/connections/u1', 'clients/c/connections/u2', false],
    ['clients/c/connections/team-*', 'clients/c/connections/team-a', true],
    ['clients/c/connections/team-*', 'clients/c/connections/team-', true],
    ['clients/c/connections/team-*', 'clients/c/connections/tea', false],
    ['clients/c/connections/*-prod', 'clients/c/connections/a-prod', true],
    ['clients/c/connections/*-prod', 'clients/c/connections/a-prod2', false],
    ['clients/c/connections/a*b*c', 'clients/c/connections/aXbYc', true],
    ['clients/c/connections/a*b*c', 'clients/c/connections/acb', false],
    ['clients/c/connections/ab*ba', 'clients/c/connections/aba', false],
    ['clients/c/connections/a**b', 'clients/c/connections/ab', true],
    ['clients/c/connections/.', 'clients/c/connections/u', false],
    ['*', 'clients/c/connections/u1', false],
    ['clients/*', 'clients/c/connections/u1', false],
    ['clients/c*', 'clients/c/connections/u1', false],
  ])('%s for %s: %s', (pattern, name, expected) => {
    expect(matchesPattern(pattern, name)).toBe(expected);
  });

  it('P8: a * never crosses a segment', () => {
    fc.assert(
      fc.property(segment, segment, segment, (clientId, other, connectionId) => {
        fc.pre(clientId !== other);
        const name = connectionName({ clientId, connectionId });
        expect(matchesPattern(`clients/${other}/connections/*`, name)).toBe(false);
        expect(matchesPattern(`clients/*/${connectionId}`, name)).toBe(false);
        expect(matchesPattern(`clients/*`, name)).toBe(false);
      }),
    );
  });

  it('mean what the regular expression of the same form means', () => {
    const small = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, small, (part, name) => {
        const expected = new RegExp(`^${part.replaceAll('*', '.*')}$`).test(name);
        expect(matchesPattern(part, name)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('match every name that is the pattern with its stars filled in', () => {
    fc.assert(
      fc.property(
        fc.array(segment, { minLength: 1, maxLength: 4 }),
        fc.array(segment, { maxLength: 4 }),
        (parts, fill) => {
          const pattern = parts.join('*');
          const filled = parts.reduce((sum, part, i) => `${sum}${fill[i - 1] ?? ''}${part}`);
          expect(matchesPattern(pattern, filled)).toBe(true);
        },
      ),
    );
  });

  it('cannot be used to burn time: a pattern that ruins a backtracking matcher looks at each character a few times', () => {
    const looks = { count: 0 };
    const counting = (text: string): string =>
      Object.assign(Object(text) as string, {
        indexOf: (piece: string, at: number) => {
          looks.count += 1;
          return text.indexOf(piece, at);
        },
      });
    const name = { split: () => [counting('a'.repeat(20_000))] } as unknown as string;
    expect(matchesPattern(`${'*a'.repeat(50)}*b`, name)).toBe(false);
    expect(matchesPattern(`${'*a'.repeat(50)}*ab*`, name)).toBe(false);
    expect(looks.count).toBeGreaterThan(40);
    expect(looks.count).toBeLessThanOrEqual(60);
  });

  it.each(['clients/*/connections/*', 'clients/c/connections/u*', 'clients/c*d/connections/x'])(
    '%s is fine',
    (pattern) => {
      expect(checkConnectionPattern(pattern)).toBe(pattern);
    },
  );

  it.each(['*', 'clients/*', 'clients/*/connections', 'clients/c/connections/a b', 'workloads/*', ''])(
    '%j can match no connection, and is refused',
    (pattern) => {
      expect(() => checkConnectionPattern(pattern)).toThrow(aRefusal('INVALID_REQUEST'));
    },
  );
});
