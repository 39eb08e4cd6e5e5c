import fc from 'fast-check';
import { parseSubjectAltName } from './subject-alt-name.js';

describe('subject alternative names', () => {
  test('of every type, in their order', () => {
    expect(parseSubjectAltName('DNS:a.test, URI:spiffe://td/x, IP Address:10.0.0.1, email:a@b.test')).toEqual(
      [
        { type: 'DNS', value: 'a.test' },
        { type: 'URI', value: 'spiffe://td/x' },
        { type: 'IP Address', value: '10.0.0.1' },
        { type: 'email', value: 'a@b.test' },
      ],
    );
    expect(parseSubjectAltName('')).toEqual([]);
  });

  test('a quoted name stays one name', () => {
    expect(parseSubjectAltName('DNS:"a, URI:spiffe://td/admin", DNS:b')).toEqual([
      { type: 'DNS', value: 'a, URI:spiffe://td/admin' },
      { type: 'DNS', value: 'b' },
    ]);
    expect(parseSubjectAltName('URI:"x\\", DNS:admin, URI:\\"y"')).toEqual([
      { type: 'URI', value: 'x", DNS:admin, URI:"y' },
    ]);
  });

  test.each([
    'DNS:a,URI:b',
    'DNS:a, ',
    'DNS:a", URI:b',
    'DNS:"a"b',
    'DNS:"a',
    'DNS:"\\q"',
    'nothing',
    ', DNS:a',
    'DNS:a\u0000b',
  ])('another form is refused as a whole: %s', (text) => {
    expect(parseSubjectAltName(text)).toBeUndefined();
  });

  test('whatever a name contains, quoted as Node does it, it comes back as it was', () => {
    const name = fc.record({
      type: fc.constantFrom('DNS', 'URI', 'email'),
      value: fc.string({ unit: 'binary' }),
    });
    fc.assert(
      fc.property(fc.array(name, { maxLength: 5 }), (names) => {
        const text = names.map(({ type, value }) => `${type}:${JSON.stringify(value)}`).join(', ');
        expect(parseSubjectAltName(text)).toEqual(names);
      }),
    );
  });
});
